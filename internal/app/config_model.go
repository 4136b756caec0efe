package app

import (
	"errors"
	"strconv"
	"strings"

	"github.com/fluentpro/fluentpro/internal/platform/llm"
)

var errPrices = errors.New("must be prices such as gpt-4o=2.5/10, in dollars for a million tokens in and out, separated by commas")

// prices are what models cost, by their names.
func (c Config) prices() (map[string]*llm.Price, error) {
	out := map[string]*llm.Price{}
	for _, text := range c.ModelPrices {
		name, price, named := strings.Cut(strings.TrimSpace(text), "=")
		in, answer, both := strings.Cut(price, "/")
		if name == "" || !named || !both {
			return nil, errPrices
		}
		p := &llm.Price{}
		for text, into := range map[string]*float64{in: &p.In, answer: &p.Out} {
			dollars, err := strconv.ParseFloat(text, 64)
			if err != nil || !(dollars >= 0 && dollars < 1e6) {
				return nil, errPrices
			}
			*into = dollars
		}
		out[name] = p
	}
	return out, nil
}
