package app

import "github.com/fluentpro/fluentpro/internal/platform/llm"

// openModels prepares the ways to the models; they connect when first used.
func (a *App) openModels(cfg Config) error {
	prices, err := cfg.prices()
	if err != nil {
		return err
	}
	a.model = llm.New(llm.Config{
		BaseURL: cfg.ModelBaseURL, APIKey: cfg.ModelAPIKey.Reveal(), Model: cfg.ModelName, Price: prices[cfg.ModelName], Logger: a.logger,
	})
	a.embed = llm.NewEmbedder(llm.EmbedConfig{
		BaseURL: cfg.ModelBaseURL, APIKey: cfg.ModelAPIKey.Reveal(), Model: cfg.EmbeddingModel, Price: prices[cfg.EmbeddingModel],
		Dimensions: cfg.EmbeddingDimensions, Logger: a.logger,
	})
	return nil
}
