package v2

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"

	"github.com/oapi-codegen/nullable"
	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/fluentpro/fluentpro/gen/apiv2"
	"github.com/fluentpro/fluentpro/internal/account"
	"github.com/fluentpro/fluentpro/internal/api/web"
	"github.com/fluentpro/fluentpro/internal/platform/page"
)

// ListUsers gives one page of accounts, the newest first.
func (s *Server) ListUsers(ctx context.Context, req apiv2.ListUsersRequestObject) (apiv2.ListUsersResponseObject, error) {
	p := req.Params
	filter := userFilter(p.Email, p.Role, p.IsActive)
	text, err := json.Marshal(filter)
	if err != nil {
		return nil, fmt.Errorf("seal cursor: %w", err)
	}
	scope := "listUsers/" + string(text)
	var before *account.UserPlace
	if p.Cursor != nil {
		before = &account.UserPlace{}
		if err := s.Cursors.OpenJSON(scope, *p.Cursor, before); err != nil {
			return nil, err
		}
	}
	limit := valueOr(p.Limit, defaultLimit)
	users, err := s.Accounts.Users(ctx, filter, before, limit+1)
	if err != nil {
		return nil, err
	}
	users, more := page.Cut(users, limit)
	out := apiv2.ListUsers200JSONResponse{Data: make([]apiv2.AdminUser, 0, len(users)), NextCursor: nullable.NewNullNullable[string]()}
	for _, u := range users {
		out.Data = append(out.Data, ToAPIAdminUser(u))
	}
	if more {
		next, err := s.Cursors.SealJSON(scope, users[len(users)-1].Place())
		if err != nil {
			return nil, err
		}
		out.NextCursor = nullable.NewNullableWithValue(next)
	}
	return out, nil
}

func userFilter(email *string, role *apiv2.UserRole, active *bool) account.UserFilter {
	return account.UserFilter{Email: email, Role: (*string)(role), Active: active}
}

// ExportUsers gives all accounts that the filters choose.
func (s *Server) ExportUsers(ctx context.Context, req apiv2.ExportUsersRequestObject) (apiv2.ExportUsersResponseObject, error) {
	p := req.Params
	return usersExport{ctx: ctx, server: s, filter: userFilter(p.Email, p.Role, p.IsActive)}, nil
}

// usersExport is the answer of exportUsers.
type usersExport struct {
	ctx    context.Context
	server *Server
	filter account.UserFilter
}

// VisitExportUsersResponse writes it.
func (u usersExport) VisitExportUsersResponse(w http.ResponseWriter) error {
	return export(u.ctx, w, u.server, page.Stream[account.User, account.UserPlace]{
		Read: u.read, Key: account.User.Place,
		Append: func(dst []byte, user account.User) ([]byte, error) {
			return appendExported(dst, exportedLine{kind: "user", data: ToAPIAdminUser(user)})
		},
	})
}

func (u usersExport) read(ctx context.Context, after *account.UserPlace, limit int) iter.Seq2[account.User, error] {
	return func(yield func(account.User, error) bool) {
		users, err := u.server.Accounts.Users(ctx, u.filter, after, limit)
		if err != nil {
			yield(account.User{}, err)
			return
		}
		for _, user := range users {
			if !yield(user, nil) {
				return
			}
		}
	}
}

// GetUser reads one account.
func (s *Server) GetUser(ctx context.Context, req apiv2.GetUserRequestObject) (apiv2.GetUserResponseObject, error) {
	user, err := s.Accounts.User(ctx, req.UserID)
	if err != nil {
		return nil, err
	}
	return apiv2.GetUser200JSONResponse(ToAPIAdminUser(user)), nil
}

// UpdateUser lets an account in, or shuts it out.
func (s *Server) UpdateUser(ctx context.Context, req apiv2.UpdateUserRequestObject) (apiv2.UpdateUserResponseObject, error) {
	body := req.JSONBody
	if body == nil {
		body = req.ApplicationMergePatchPlusJSONBody
	}
	user, err := s.Accounts.SetActive(ctx, web.IdentityFrom(ctx).UserID, req.UserID, body.IsActive)
	if err != nil {
		return nil, err
	}
	return apiv2.UpdateUser200JSONResponse(ToAPIAdminUser(user)), nil
}

// UpdateUserRoles sets the roles of an account.
func (s *Server) UpdateUserRoles(ctx context.Context, req apiv2.UpdateUserRolesRequestObject) (apiv2.UpdateUserRolesResponseObject, error) {
	roles := make([]string, 0, len(req.Body.Roles))
	for _, r := range req.Body.Roles {
		roles = append(roles, string(r))
	}
	user, err := s.Accounts.SetRoles(ctx, web.IdentityFrom(ctx).UserID, req.UserID, roles)
	if err != nil {
		return nil, err
	}
	return apiv2.UpdateUserRoles200JSONResponse(ToAPIAdminUser(user)), nil
}

// ToAPIAdminUser translates an account for those who look after the service.
func ToAPIAdminUser(u account.User) apiv2.AdminUser {
	roles := make([]apiv2.UserRole, 0, len(u.Roles))
	for _, r := range u.Roles {
		roles = append(roles, apiv2.UserRole(r))
	}
	return apiv2.AdminUser{
		ID: u.ID, Email: openapi_types.Email(u.Email), FullName: u.FullName, EmailVerified: u.EmailVerified, IsActive: u.Active,
		IsErasing: u.ErasingAt != nil, Roles: roles, NativeLanguage: orNull(u.NativeLanguage), CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}
