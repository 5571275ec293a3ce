module kubecoder.dev/tests/rigs/pause

go 1.26.0
