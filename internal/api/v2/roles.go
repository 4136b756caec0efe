package v2

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/catalogue"
	"github.com/fluentpro/fluentpro/internal/platform/page"
	"github.com/fluentpro/fluentpro/internal/task"
)

// Caching of roles: a client may keep its page, and asks each time whether it is current.
const rolesCache = "private, no-cache"

// ListRoles gives one page of the roles that the user sees.
func (s *Server) ListRoles(ctx context.Context, req apiv2.ListRolesRequestObject) (apiv2.ListRolesResponseObject, error) {
	p, tag := req.Params, catalogue.Negotiate(valueOr(req.Params.AcceptLanguage, ""))
	limit := valueOr(p.Limit, defaultLimit)
	in := catalogue.ListInput{
		UserID: web.IdentityFrom(ctx).UserID, Industry: valueOr(p.Industry, valueOr(p.IndustryID, "")), Query: valueOr(p.Q, ""),
		Level: string(valueOr(p.Level, "")), Limit: limit + 1,
	}
	scope := fmt.Sprintf("listRoles/%s/%q/%q/%s", in.UserID, in.Industry, in.Query, in.Level)
	if p.Cursor != nil {
		if err := s.Cursors.OpenJSON(scope, *p.Cursor, &in.After); err != nil {
			return nil, err
		}
	}
	roles, keys, err := s.Catalogue.List(ctx, in)
	if err != nil {
		return nil, err
	}
	roles, more := page.Cut(roles, limit)
	out := apiv2.RolePage{Data: make([]apiv2.Role, 0, len(roles)), NextCursor: nullable.NewNullNullable[string]()}
	for _, r := range roles {
		out.Data = append(out.Data, ToAPIRole(r, tag))
	}
	if more {
		next, err := s.Cursors.SealJSON(scope, keys[limit-1])
		if err != nil {
			return nil, err
		}
		out.NextCursor = nullable.NewNullableWithValue(next)
	}
	etag, err := pageETag(out, tag)
	if err != nil {
		return nil, err
	}
	if web.NotModified(valueOr(p.IfNoneMatch, ""), etag) {
		return apiv2.ListRoles304Response{Headers: apiv2.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	return apiv2.ListRoles200JSONResponse{Body: out, Headers: apiv2.ListRoles200ResponseHeaders{
		ETag: etag, CacheControl: rolesCache, ContentLanguage: tag, Vary: catalogueVary}}, nil
}

// ToAPIRole translates a role, in the language with this tag.
func ToAPIRole(r catalogue.Role, tag string) apiv2.Role {
	return apiv2.Role{
		ID: r.ID, Title: r.Title.In(tag), Description: r.Description.In(tag), IndustryID: r.IndustryID,
		HierarchyLevel: orNull((*apiv2.HierarchyLevel)(r.Level)), Keywords: r.Keywords.In(tag), IsCustom: r.Custom,
	}
}

// rolePlace is a place in the list of custom roles.
type rolePlace struct {
	At time.Time `json:"at"`
	ID uuid.UUID `json:"id"`
}

// ListCustomRoles gives one page of the roles that learners wrote and nobody published.
func (s *Server) ListCustomRoles(ctx context.Context, req apiv2.ListCustomRolesRequestObject) (apiv2.ListCustomRolesResponseObject, error) {
	const scope = "listCustomRoles"
	before := rolePlace{At: s.Now().Add(time.Hour)}
	if req.Params.Cursor != nil {
		if err := s.Cursors.OpenJSON(scope, *req.Params.Cursor, &before); err != nil {
			return nil, err
		}
	}
	limit := valueOr(req.Params.Limit, defaultLimit)
	roles, err := s.Catalogue.Unpublished(ctx, before.At, before.ID, limit+1)
	if err != nil {
		return nil, err
	}
	roles, more := page.Cut(roles, limit)
	out := apiv2.ListCustomRoles200JSONResponse{Data: make([]apiv2.Role, 0, len(roles)), NextCursor: nullable.NewNullNullable[string]()}
	for _, r := range roles {
		out.Data = append(out.Data, ToAPIRole(r, "en"))
	}
	if more {
		last := roles[len(roles)-1]
		next, err := s.Cursors.SealJSON(scope, rolePlace{last.CreatedAt, last.ID})
		if err != nil {
			return nil, err
		}
		out.NextCursor = nullable.NewNullableWithValue(next)
	}
	return out, nil
}

// PublishRole shows a custom role to everybody of its industry.
func (s *Server) PublishRole(ctx context.Context, req apiv2.PublishRoleRequestObject) (apiv2.PublishRoleResponseObject, error) {
	r, err := s.Catalogue.Publish(ctx, req.RoleID)
	if err != nil {
		return nil, err
	}
	return apiv2.PublishRole200JSONResponse(ToAPIRole(r, "en")), nil
}

// ReindexRoles begins to build the index of roles anew.
func (s *Server) ReindexRoles(ctx context.Context, req apiv2.ReindexRolesRequestObject) (apiv2.ReindexRolesResponseObject, error) {
	t, err := s.Tasks.Create(ctx, task.CreateInput{
		StartInput: task.StartInput{UserID: web.IdentityFrom(ctx).UserID, Kind: catalogue.ReindexKind, Input: catalogue.ReindexInput{Format: 1}},
		Operation:  "reindexRoles", IdempotencyKey: valueOr(req.Params.IdempotencyKey, ""),
	})
	if err != nil {
		return nil, err
	}
	if ended, done, applied := s.awaitTask(ctx, t.Task, valueOr(req.Params.Prefer, "")); done {
		return apiv2.ReindexRoles200JSONResponse{
			Body: ToAPITask(ended), Headers: apiv2.ReindexRoles200ResponseHeaders{PreferenceApplied: applied, IdempotencyReplayed: replayed(t.Replayed)},
		}, nil
	}
	return apiv2.ReindexRoles202JSONResponse{
		Body: ToAPITask(t.Task), Headers: apiv2.ReindexRoles202ResponseHeaders{Location: taskLocation(t.Task), IdempotencyReplayed: replayed(t.Replayed)},
	}, nil
}
