package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/gate"
	"github.com/fluentpro/fluentpro/internal/platform/telemetry"
)

// Identity is who asks, as proven by an access token.
type Identity struct {
	UserID    uuid.UUID
	SessionID uuid.UUID
	Roles     []string
	ExpiresAt time.Time // of the token; a stream must end before
}

// call is what the guard of an operation adds to a request's context.
type call struct {
	operation string
	identity  Identity
}

type callKey struct{}

// WithIdentity gives a context in which identity asks.
func WithIdentity(ctx context.Context, identity Identity) context.Context {
	return context.WithValue(ctx, callKey{}, call{operation: OperationFrom(ctx), identity: identity})
}

// IdentityFrom says who asks. In an operation that needs no token, and outside
// of requests, it is the zero Identity.
func IdentityFrom(ctx context.Context) Identity {
	c, _ := ctx.Value(callKey{}).(call)
	return c.identity
}

// OperationFrom gives the operationId of the request under way, or "".
func OperationFrom(ctx context.Context) string {
	c, _ := ctx.Value(callKey{}).(call)
	return c.operation
}

// identify puts the operation and who asks into the request's context, also
// when it refuses, so that the log knows them; what follows from the request
// knows its Origin.
func (o *operation) identify(c echo.Context) error {
	req := c.Request()
	if o.traffic != nil {
		originFrom(req.Context()).traffic = o.traffic
	}
	asked := call{operation: o.id}
	err := o.permit(c, &asked.identity)
	ctx := context.WithValue(req.Context(), callKey{}, asked)
	ctx = telemetry.WithOrigin(ctx, telemetry.Origin{ActorID: asked.identity.UserID, CorrelationID: RequestIDFrom(ctx)})
	c.SetRequest(req.WithContext(ctx))
	return err
}

func (o *operation) permit(c echo.Context, identity *Identity) error {
	req := c.Request()
	if o.authenticate == nil { // a token is not looked at, so a bad one does no harm
		if o.limit == nil {
			return nil
		}
		return admit(c, o.count(req.Context(), Network(c.RealIP()), *o.limit))
	}
	token, err := bearer(req.Header)
	var proven Identity
	var pass gate.Pass
	if err == nil {
		proven, pass, err = o.authenticate(req.Context(), token, *o.limit)
	}
	if f := fault.Find(err); o.optional && f != nil && f.Kind == fault.Unauthenticated {
		return admit(c, o.count(req.Context(), Network(c.RealIP()), *o.limit))
	}
	if err != nil {
		return err
	}
	*identity = proven
	if err := admit(c, pass); err != nil {
		return err
	}
	if o.roles != nil && !slices.ContainsFunc(proven.Roles, func(r string) bool { return slices.Contains(o.roles, r) }) {
		if o.denied != nil {
			o.denied(req.Context(), proven, o.id)
		}
		return fault.New(fault.Forbidden, "auth.forbidden", "Your role does not permit this.")
	}
	return nil
}

// bearer takes the token of `Authorization: Bearer <token>` (RFC 6750), exactly
// one of them. Another scheme counts as none.
func bearer(h http.Header) (string, error) {
	values := h[echo.HeaderAuthorization]
	if len(values) == 0 {
		return "", fault.New(fault.Unauthenticated, "auth.required", "This needs an access token.")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", fault.New(fault.Unauthenticated, "auth.required", "This needs an access token of the scheme Bearer.")
	}
	token = strings.TrimLeft(token, " ")
	if len(values) > 1 || !isToken68(token) {
		return "", fault.New(fault.Unauthenticated, "auth.invalid_token", "The access token is malformed.")
	}
	return token, nil
}

// isToken68 reports the alphabet of RFC 9110, section 11.2.
func isToken68(s string) bool {
	s = strings.TrimRight(s, "=")
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune("-._~+/", r)
	})
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
