package bench

func exampleGrowth() *Growth {
	return &Growth{
		Machine: Machine{CPU: "a CPU", Cores: 2, Memory: 24 << 30, Kernel: "6.18"},
		Command: "make bench GROWTH=1", Date: "2030-01-02", Rounds: 3,
		Sizes: []SizePoint{
			{Bytes: 1 << 20, Add: Sample{Seconds: 0.01, Memory: 5 << 20}, Read: Sample{Seconds: 0.002}},
			{Bytes: 1 << 30, Add: Sample{Seconds: 2, Memory: 6 << 20}, Read: Sample{Seconds: 0.2}},
			{Bytes: 16 << 30, Sparse: true, Add: Sample{Seconds: 30, Memory: 7 << 20}, Read: Sample{Seconds: 3, Memory: 1 << 20}},
		},
		Numbers: []NumberPoint{
			{100, Sample{Seconds: 0.05}, Sample{Seconds: 0.0003}},
			{100_000, Sample{Seconds: 0.06}, Sample{Seconds: 3, Memory: 90 << 20}},
		},
	}
}
