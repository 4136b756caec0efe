package app

import "github.com/prometheus/client_golang/prometheus"

// Concurrency is how many jobs of each queue a node works on at once.
func Concurrency(cfg Config) map[string]int {
	of, _ := cfg.concurrency()
	return of
}

// OpenRedis prepares the client of an address.
var OpenRedis = openRedis

// Measures are what the parts of a service measure of themselves.
func Measures(a *App) []prometheus.Collector { return a.measures }

// Version is that of the program.
var Version = version

// Prices are what models cost, by their names.
var Prices = Config.prices

// Described is what is told of a setting.
type Described struct{ About, Example string }

// AboutSettings are all settings that are told of.
func AboutSettings() map[string]Described {
	all := map[string]Described{}
	for name, s := range described() {
		all[name] = Described{s.about, s.example}
	}
	return all
}
