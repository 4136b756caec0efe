package account

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/events"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/mergepatch"
	"github.com/fluentpro/fluentpro/internal/platform/outbox"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// maxPreferences bounds a user's preferences in bytes of JSON.
const maxPreferences = 16 << 10

var (
	errUnknownLanguage = fault.New(fault.Unprocessable, "user.unknown_language", "There is no such native language to choose.").
				WithFields(fault.Field{Pointer: "/native_language", Code: "unknown", Detail: "is no available language of listLanguages"})
	errPreferencesTooLarge = fault.New(fault.Unprocessable, "user.preferences_too_large", "The preferences would take more than 16 KiB.").
				WithFields(fault.Field{Pointer: "/preferences", Code: "too_large", Detail: "would have more than 16 KiB of JSON"})
)

// UpdateProfileInput changes what a user may change alone.
type UpdateProfileInput struct {
	UserID         uuid.UUID
	FullName       *string         // nil: as it is
	NativeLanguage **string        // nil: as it is; of nil: none
	Preferences    json.RawMessage // a merge patch (RFC 7396); empty: as they are
	// Matches is asked about the user as it is; an error of it stops the update. nil: always.
	Matches func(User) error
}

// UpdateProfile changes a user. A change that changes nothing is none. Faults:
// request.invalid, user.unknown_language, user.preferences_too_large,
// server.unavailable, and what Matches gives.
func (s *Service) UpdateProfile(ctx context.Context, in UpdateProfileInput) (User, error) {
	var out User
	err := postgres.InTx(ctx, s.store.pool, func(tx postgres.Tx) (err error) {
		out, err = s.UpdateProfileIn(ctx, tx, in)
		return err
	})
	return out, err
}

// UpdateProfileIn is UpdateProfile as a part of what is done in tx.
func (s *Service) UpdateProfileIn(ctx context.Context, tx postgres.Tx, in UpdateProfileInput) (User, error) {
	owner, err := userForUpdate(ctx, tx, in.UserID)
	if err != nil {
		return User{}, err
	}
	if in.Matches != nil {
		if err := in.Matches(owner.User); err != nil {
			return User{}, err
		}
	}
	next, err := s.patch(owner.User, in)
	if err != nil {
		return User{}, err
	}
	fields := changed(owner.User, next)
	if len(fields) == 0 {
		return owner.User, nil
	}
	next.UpdatedAt = later(s.now(), owner.UpdatedAt)
	out, err := updateProfile(ctx, tx, next)
	if err != nil {
		return User{}, err
	}
	return out, outbox.Write(ctx, tx, out.UpdatedAt, out.ID, events.UserProfileUpdated{UserID: out.ID, Fields: fields})
}

// patch is a user as it is to be.
func (s *Service) patch(u User, in UpdateProfileInput) (User, error) {
	if in.FullName != nil {
		if u.FullName = strings.TrimSpace(*in.FullName); checkName(u.FullName) != nil {
			return u, checkName(u.FullName)
		}
	}
	if in.NativeLanguage != nil {
		u.NativeLanguage = nil
		if given := *in.NativeLanguage; given != nil {
			id, ok := s.language(*given)
			if !ok {
				return u, errUnknownLanguage
			}
			u.NativeLanguage = &id
		}
	}
	if len(in.Preferences) == 0 {
		return u, nil
	}
	if string(in.Preferences) == "null" {
		u.Preferences = json.RawMessage("{}")
		return u, nil
	}
	merged, err := mergepatch.Apply(u.Preferences, in.Preferences)
	if err != nil {
		return u, fmt.Errorf("merge preferences: %w", err)
	}
	if len(merged) > maxPreferences {
		return u, errPreferencesTooLarge
	}
	u.Preferences = merged
	return u, nil
}

// changed names the fields in which two states of a user differ, sorted.
func changed(before, after User) []events.ProfileField {
	var fields []events.ProfileField
	if before.FullName != after.FullName {
		fields = append(fields, events.ProfileFieldFullName)
	}
	if !reflect.DeepEqual(before.NativeLanguage, after.NativeLanguage) {
		fields = append(fields, events.ProfileFieldNativeLanguage)
	}
	if !jsonpatch.Equal(before.Preferences, after.Preferences) {
		fields = append(fields, events.ProfileFieldPreferences)
	}
	slices.Sort(fields)
	return fields
}
