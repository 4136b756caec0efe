// Package v1 serves version 1 of the API to the mobile app in the shops: it translates
// between the contract's shapes and the nouns, and holds no rule of its own. What it
// serves, in which form and until when, is openapi/v1; it can be deleted with rm -r.
package v1

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv1"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/onboarding"
	"github.com/fluentpro/fluentpro/internal/task"
)

// BasePath is where this version is mounted.
const BasePath = "/api/v1"

// language is that of all texts: the app has no other.
const language = "en"

// Deps are the nouns behind the operations.
type Deps struct {
	Accounts   *account.Service
	Catalogue  *catalogue.Service
	Onboarding *onboarding.Service
	Tasks      *task.Service
	Now        func() time.Time
}

// Server implements the generated interface, one file per tag.
type Server struct{ Deps }

var _ apiv1.StrictServerInterface = (*Server)(nil)

// New makes a Server of its parts.
func New(d Deps) *Server { return &Server{Deps: d} }

// me is the signed-in user.
func me(ctx context.Context) uuid.UUID { return web.IdentityFrom(ctx).UserID }

// client is where the request comes from.
func client(ctx context.Context) account.Client {
	c := web.ClientFrom(ctx)
	return account.Client{Address: c.Address, UserAgent: c.UserAgent}
}

// timestamp is the time of an answer.
func (s *Server) timestamp() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// orNull is *p, or null.
func orNull[T any](p *T) nullable.Nullable[T] {
	if p == nil {
		return nullable.NewNullNullable[T]()
	}
	return nullable.NewNullableWithValue(*p)
}

// given is the value of n; nil where it is null or absent.
func given[T any](n nullable.Nullable[T]) *T {
	v, err := n.Get()
	if err != nil {
		return nil
	}
	return &v
}
