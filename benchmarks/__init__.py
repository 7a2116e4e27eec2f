"""Throughput, latency and the side-by-side comparison (`make bench`). It fails on errors only: no test of speed."""
