package app

import (
	"context"

	"github.com/fluentpro/fluentpro/internal/catalogue"
)

// wireCatalogue loads the reference data, and begins to take up what other nodes change.
func (a *App) wireCatalogue(ctx context.Context, cfg Config, with nounParts) (_ *catalogue.Service, err error) {
	a.catalogue, err = catalogue.New(ctx, catalogue.Deps{
		Pool: a.pool, Embedder: a.embed, EmbeddingModel: cfg.EmbeddingModel, Dimensions: cfg.EmbeddingDimensions, Model: a.model,
		Jobs: with.jobs, Logger: a.logger, Now: with.options.Now,
	})
	if err != nil {
		return nil, err
	}
	a.catalogue.Start(ctx)
	return a.catalogue, nil
}
