module hvsock/tests/conformance/shimtest

go 1.26

require github.com/containerd/shimtest v0.3.3
