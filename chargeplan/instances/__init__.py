"""The shipped cases: data, scenario files, and the programs that built them."""
