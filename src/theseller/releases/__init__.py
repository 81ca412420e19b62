"""Releases: their files, their signatures, and what is installed of one.

A release is made by `bin/release` (docs/develop/release.md). This package reads releases: it
verifies the folder of one, and compares what is installed with its manifest.
"""
