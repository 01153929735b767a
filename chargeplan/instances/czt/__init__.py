"""Changsha-Zhuzhou-Xiangtan: built layers, scenario files, and the program that builds the layers."""
