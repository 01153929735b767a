"""certificate.json as the audit reads it: every entry checked before it is counted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from chargeplan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_FAULTS = 3  # named in one message
_FINEST = 1024  # units are 2^-scale; beyond, whole numbers only grow

T = TypeVar("T", bound=BaseModel)
Scale = Annotated[int, Field(ge=0, le=_FINEST)]
Multiplier = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Bound = Annotated[float, Field(allow_inf_nan=False)]


class _Told(BaseModel):
    """A part of certificate.json."""

    model_config = ConfigDict(frozen=True, strict=True, populate_by_name=True)

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        lengths = {len(column) for _, column in self if isinstance(column, list)}
        if len(lengths) > 1:
            raise ValueError(f"its lists have different lengths: {sorted(lengths)}")
        return self


class Proof(BaseModel):
    """What certificate.json begins with; what the kinds hold besides is checked with them."""

    model_config = ConfigDict(frozen=True, strict=True)

    kind: str | None
    bound: Bound | None
    blocks: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _multipliers_prove_something(self) -> Self:
        if self.kind == "dual-certificate" and self.bound is None:
            raise ValueError("a dual certificate states its bound")
        return self


class MultipliedRows(_Told):
    """Demand points by id, and their multipliers."""

    rows: list[str] = []
    value: list[int] = []


class Multipliers(_Told):
    """A dual certificate: multipliers of demand points, shares and the limit, in units of 2^-scale."""

    bound: Bound
    scale: Scale
    u: dict[str, MultipliedRows]
    lambda_: dict[str, int] = Field(alias="lambda")
    mu: int


class MultipliedSites(_Told):
    """Sites by id, and their multipliers."""

    sites: list[str] = []
    value: list[Annotated[int, Field(ge=0, lt=1 << 53)]] = []


class AllocationMultipliers(BaseModel):
    """A dual certificate of who serves whom: multipliers of demand points and sites, in units of 2^-scale."""

    model_config = ConfigDict(frozen=True, strict=True)

    bound: Bound
    scale: Annotated[int, Field(ge=0, le=62)]
    u: dict[str, MultipliedRows]
    v: MultipliedSites


class Service(_Told):
    """Who serves what share of which demand point, by id."""

    demand: list[str]
    station: list[str]
    share: list[Annotated[float, Field(gt=0.0, allow_inf_nan=False)]]


class PlacedRows(_Told):
    """Demand points by id, and the block that each is in."""

    rows: list[str] = []
    block: list[int] = []


class Shares(_Told):
    """What open sites pay in blocks, in units of 2^-scale."""

    site: list[str]
    block: list[int]
    share: list[int]


class Blocks(BaseModel):
    """A block certificate."""

    model_config = ConfigDict(frozen=True, strict=True, populate_by_name=True)

    bound: Bound
    scale: Scale
    backend: str = Field("ortools:cp-sat", description="who proved the blocks; files of 0.1 do not say")
    bounds: list[int] = Field(description="what is proven of each block, in units of 2^-scale")
    rows: dict[str, PlacedRows]
    shares: Shares
    lambda_: dict[str, Multiplier] = Field(alias="lambda")
    mu: Multiplier


def read_proof(certificate: Mapping[str, Any]) -> Proof:
    """Check what certificate.json begins with.

    Parameters
    ----------
    certificate
        The content of certificate.json; empty for none.

    Raises
    ------
    InputError
        As `read_multipliers`.
    """
    return _checked(Proof, certificate) if certificate != {} else Proof(kind=None, bound=None)


def read_multipliers(certificate: Mapping[str, Any]) -> Multipliers:
    """Check a dual certificate's form.

    Parameters
    ----------
    certificate
        The content of certificate.json.

    Raises
    ------
    InputError
        An entry is missing, of another kind, negative or not finite where it must not be.
    """
    return _checked(Multipliers, certificate)


def read_allocation(certificate: Mapping[str, Any]) -> AllocationMultipliers:
    """Check the form of a dual certificate of who serves whom.

    Parameters
    ----------
    certificate
        The content of certificate.json.

    Raises
    ------
    InputError
        As `read_multipliers`; or a multiplier of a site is beyond 2^53.
    """
    return _checked(AllocationMultipliers, certificate)


def read_service(service: object) -> Service:
    """Check the form of who serves whom.

    Parameters
    ----------
    service
        ``service`` of certificate.json.

    Raises
    ------
    InputError
        An entry is missing or of another kind, or a share is not above 0.
    """
    return _checked(Service, service)


def read_blocks(blocks: Mapping[str, Any]) -> Blocks:
    """Check a block certificate's form.

    Parameters
    ----------
    blocks
        ``blocks`` of certificate.json.

    Raises
    ------
    InputError
        As `read_multipliers`.
    """
    return _checked(Blocks, blocks)


def _checked(form: type[T], content: object) -> T:
    try:
        return form.model_validate(content)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:_FAULTS]]
        more = "; ..." if error.error_count() > _FAULTS else ""
        raise InputError("; ".join(faults) + more) from None
