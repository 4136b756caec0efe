package app

// Concurrency is how many jobs of each queue a node works on at once.
func Concurrency(cfg Config) map[string]int {
	of, _ := cfg.concurrency()
	return of
}

// OpenRedis prepares the client of an address.
var OpenRedis = openRedis
