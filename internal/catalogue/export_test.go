package catalogue

import "context"

// What tests look at from outside.
var (
	SeedID      = seedID
	Samples     = samples
	FitLogistic = fitLogistic
	Logistic    = logistic
	WordsFit    = func() []float64 { return wordsFit().Words }
)

// Rows makes examples to fit.
func Rows(n int, make func() (columns []float64, meant bool)) []example {
	var rows []example
	for range n {
		columns, meant := make()
		rows = append(rows, example{columns, meant})
	}
	return rows
}

// Terms gives the words of a text.
func Terms(text string) []string { return texts(terms(text)) }

// MemoryIndex is an exact index in memory.
type MemoryIndex = memoryIndex

// Put adds a role.
var Put = memoryIndex.put

// Fitted gives the weights of the index that serves, with embeddings and without.
func (s *Service) Fitted() (embedded, words []float64) {
	f := s.picture.Load().fit
	return f.Embedded, f.Words
}

// Serving gives the model of the index that serves on this node, and how many roles it has.
func (s *Service) Serving() (model string, roles int) {
	p := s.picture.Load()
	if p.index == nil {
		return "", 0
	}
	for _, shelf := range p.index.(memoryIndex) {
		roles += len(shelf.ids)
	}
	return p.model, roles
}

// RewriteTerms is the first step of Reindex.
func (s *Service) RewriteTerms() error { return s.store.rewriteTerms(context.Background()) }

// Action is what is recommended for an answer.
var Action = action
