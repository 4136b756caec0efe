package catalogue

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// trainingFiles are jobs as learners describe them, with the role that is meant: by
// them a model's closeness becomes a probability.
//
//go:embed training/*.yaml
var trainingFiles embed.FS

// none is the role of a description that fits none.
const none = "none"

// sample is a description to learn from.
type sample struct {
	Title       string `yaml:"title"`
	Description string `yaml:"description"`
	Role        string `yaml:"role"` // the key of a seeded role, or none

	industryID string
	vector     []float32
}

// samples reads what there is to learn from, industry by industry.
func samples() ([]sample, error) {
	var all []sample
	err := eachIndustryFile(trainingFiles, "training", func(industryID string, text []byte) error {
		var some []sample
		if err := strictYAML(text, &some); err != nil {
			return err
		}
		for i := range some {
			some[i].industryID = industryID
		}
		all = append(all, some...)
		return nil
	})
	return all, err
}

// eachIndustryFile reads <folder>/<industry>.yaml, in the order of names.
func eachIndustryFile(files embed.FS, folder string, read func(industryID string, text []byte) error) error {
	entries, err := files.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := files.ReadFile(folder + "/" + e.Name())
		if err != nil {
			return err
		}
		if err := read(strings.TrimSuffix(e.Name(), ".yaml"), text); err != nil {
			return fmt.Errorf("read %s/%s: %w", folder, e.Name(), err)
		}
	}
	return nil
}

func strictYAML(text []byte, into any) error {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	return dec.Decode(into)
}

// embedExamples gives the descriptions with their vectors, and the length of these.
func (s *Service) embedExamples(ctx context.Context) ([]sample, int, error) {
	all, err := samples()
	if err != nil {
		return nil, 0, err
	}
	for batch := range slices.Chunk(all, embedBatch) {
		texts := make([]string, len(batch))
		for i, one := range batch {
			texts[i] = questionText(one.Title, one.Description)
		}
		vectors, err := s.embedder.Embed(ctx, s.wanted, texts)
		if err != nil {
			return nil, 0, fmt.Errorf("embed descriptions: %w", err)
		}
		for i := range batch {
			batch[i].vector = vectors[i]
		}
	}
	return all, len(all[0].vector), nil
}

// train fits how clues become a score, with embeddings and without. A description
// whose role is not in the catalogue teaches that none of the others is meant.
func (s *Service) train(ctx context.Context, with *picture, from []sample) (fit, error) {
	var embedded, words []example
	for _, one := range from {
		found, err := s.candidates(ctx, with, question{
			industryID: one.industryID, title: terms(one.Title), description: terms(one.Description), vector: one.vector,
		})
		if err != nil {
			return fit{}, err
		}
		for _, c := range found {
			meant := one.Role != none && c.ID == seedID(one.Role)
			embedded = append(embedded, example{c.clues.columns(true), meant})
			words = append(words, example{c.clues.columns(false), meant})
		}
	}
	return fit{Embedded: fitLogistic(embedded), Words: fitLogistic(words)}, nil
}
