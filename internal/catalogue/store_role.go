package catalogue

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

// toRole reads a row. What cannot be read names the role.
func toRole(row db.Role) (Role, error) {
	r := Role{
		ID: row.ID, IndustryID: row.IndustryID, Level: row.Level, AuthorID: row.AuthorID, Custom: row.Key == nil,
		Published: row.PublishedAt != nil, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, textHash: row.TextHash,
		sorted: position{row.Rank, row.SortTitle},
	}
	for _, part := range []struct {
		text json.RawMessage
		into any
	}{{row.Title, &r.Title}, {row.Description, &r.Description}, {row.Keywords, &r.Keywords}, {row.Aliases, &r.Aliases}, {row.Given, &r.given}} {
		if part.text == nil {
			continue
		}
		if err := json.Unmarshal(part.text, part.into); err != nil {
			return Role{}, fmt.Errorf("read role %s: %w", row.ID, err)
		}
	}
	return r, nil
}

func toRoles(rows []db.Role, err error) ([]Role, error) {
	if err != nil {
		return nil, postgres.Translate(err)
	}
	roles := make([]Role, 0, len(rows))
	for _, row := range rows {
		r, err := toRole(row)
		if err != nil {
			return nil, err
		}
		roles = append(roles, r)
	}
	return roles, nil
}

func asJSON(v any) json.RawMessage {
	text, _ := json.Marshal(v) // maps and lists of strings always can
	return text
}

func (s *store) rolesByID(ctx context.Context, ids []uuid.UUID) ([]Role, error) {
	return toRoles(db.New().RolesByID(ctx, s.pool, ids))
}

// role reads one that the user may see.
func (s *store) role(ctx context.Context, user, id uuid.UUID) (Role, error) {
	row, err := db.New().RoleForUser(ctx, s.pool, db.RoleForUserParams{ID: id, UserID: user})
	if postgres.NoRows(err) {
		return Role{}, errRoleNotFound
	}
	if err != nil {
		return Role{}, fmt.Errorf("read role: %w", postgres.Translate(err))
	}
	return toRole(row)
}

func roleForUpdate(ctx context.Context, tx postgres.Tx, id uuid.UUID) (Role, error) {
	row, err := db.New().RoleForUpdate(ctx, tx, id)
	if postgres.NoRows(err) {
		return Role{}, errRoleNotFound
	}
	if err != nil {
		return Role{}, fmt.Errorf("read role: %w", err)
	}
	return toRole(row)
}

func insertRole(ctx context.Context, tx postgres.Tx, r Role) error {
	err := db.New().InsertRole(ctx, tx, db.InsertRoleParams{
		ID: r.ID, IndustryID: r.IndustryID, Level: r.Level, Title: asJSON(r.Title), Description: asJSON(r.Description),
		Keywords: asJSON(r.Keywords), Aliases: asJSON(Words{}), TextHash: r.hash(), AuthorID: r.AuthorID,
		Given: asJSON(r.given), At: r.CreatedAt,
	})
	if err != nil {
		return fmt.Errorf("insert role: %w", err)
	}
	return writeTerms(ctx, tx, []Role{r})
}

// writeTerms stores the words of roles in place of those that were there.
func writeTerms(ctx context.Context, tx postgres.Tx, roles []Role) error {
	ids := make([]uuid.UUID, len(roles))
	var p db.InsertRoleTermsParams
	for i, r := range roles {
		ids[i] = r.ID
		for word, weight := range study(r).words {
			p.RoleIds, p.Terms, p.Weights = append(p.RoleIds, r.ID), append(p.Terms, word), append(p.Weights, weight)
		}
	}
	if err := db.New().DeleteRoleTerms(ctx, tx, ids); err != nil {
		return fmt.Errorf("delete words of roles: %w", err)
	}
	if err := db.New().InsertRoleTerms(ctx, tx, p); err != nil {
		return fmt.Errorf("store words of roles: %w", err)
	}
	return nil
}

// recount counts the words of industries anew.
func recount(ctx context.Context, tx postgres.Tx, industries []string) error {
	if err := db.New().DeleteVocabulary(ctx, tx, industries); err != nil {
		return fmt.Errorf("count words: %w", err)
	}
	if err := db.New().InsertVocabulary(ctx, tx, industries); err != nil {
		return fmt.Errorf("count words: %w", err)
	}
	return nil
}

// publishRole shows a role to everybody of its industry, with its words.
func publishRole(ctx context.Context, tx postgres.Tx, r *Role, at time.Time) error {
	q := db.New()
	if err := q.PublishRole(ctx, tx, db.PublishRoleParams{ID: r.ID, At: &at}); err != nil {
		return fmt.Errorf("publish role: %w", err)
	}
	r.Published, r.UpdatedAt = true, at
	if err := writeTerms(ctx, tx, []Role{*r}); err != nil {
		return err
	}
	if err := q.AddToVocabulary(ctx, tx, r.ID); err != nil {
		return fmt.Errorf("count words: %w", err)
	}
	return bump(ctx, tx)
}

// eraseAuthor deletes the author's own roles and takes the author from those that are
// published; it gives how many were deleted.
func (s *store) eraseAuthor(ctx context.Context, author uuid.UUID) (n int64, err error) {
	err = postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error {
		if n, err = db.New().DeleteRolesOfAuthor(ctx, tx, author); err != nil {
			return fmt.Errorf("delete roles: %w", err)
		}
		if err := db.New().DisownRoles(ctx, tx, author); err != nil {
			return fmt.Errorf("disown roles: %w", err)
		}
		return nil
	})
	return n, err
}

// rewriteTerms reads the words of every published role anew, page by page, and counts
// them.
func (s *store) rewriteTerms(ctx context.Context) error {
	const most = 500
	in, industries := ListInput{Limit: most}, []string{}
	for {
		roles, err := s.listed(ctx, in)
		if err != nil {
			return err
		}
		if len(roles) == 0 {
			return postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error { return recount(ctx, tx, industries) })
		}
		err = postgres.InTx(ctx, s.pool, func(tx postgres.Tx) error { return writeTerms(ctx, tx, roles) })
		if err != nil {
			return err
		}
		industries = append(industries, industriesOf(roles)...)
		last := roles[len(roles)-1]
		in.After = RoleKey{IndustryID: last.IndustryID, Rank: last.sorted.rank, Title: last.sorted.title, ID: last.ID}
	}
}

// industriesOf are the industries of roles, each once.
func industriesOf(roles []Role) []string {
	all := []string{}
	for _, r := range roles {
		if !slices.Contains(all, r.IndustryID) {
			all = append(all, r.IndustryID)
		}
	}
	return all
}

// seedRow is a role of the seed as it is handed to the database.
type seedRow struct {
	ID          uuid.UUID `json:"id"`
	Key         string    `json:"key"`
	IndustryID  string    `json:"industry_id"`
	Level       *string   `json:"level"`
	Title       Text      `json:"title"`
	Description Text      `json:"description"`
	Keywords    Words     `json:"keywords"`
	Aliases     Words     `json:"aliases"`
	TextHash    string    `json:"text_hash"`
}

// upsertRoles brings the roles of the seed up to date, with their words.
func upsertRoles(ctx context.Context, tx postgres.Tx, roles []seedRole, at time.Time) error {
	rows, all := make([]seedRow, len(roles)), make([]Role, len(roles))
	for i, one := range roles {
		r := one.role()
		all[i] = r
		rows[i] = seedRow{r.ID, one.Key, r.IndustryID, r.Level, r.Title, r.Description, r.Keywords, r.Aliases,
			base64.StdEncoding.EncodeToString(r.hash())}
	}
	changed, err := db.New().UpsertRoles(ctx, tx, db.UpsertRolesParams{At: &at, Roles: asJSON(rows)})
	if err != nil {
		return fmt.Errorf("seed roles: %w", err)
	}
	if len(changed) == 0 {
		return nil
	}
	all = slices.DeleteFunc(all, func(r Role) bool { return !slices.Contains(changed, r.ID) })
	if err := writeTerms(ctx, tx, all); err != nil {
		return err
	}
	if err := recount(ctx, tx, industriesOf(all)); err != nil {
		return err
	}
	return bump(ctx, tx)
}

// bump tells every node that what it has in memory is old.
func bump(ctx context.Context, tx postgres.Tx) error {
	if err := db.New().BumpCatalogue(ctx, tx); err != nil {
		return fmt.Errorf("tell of a change: %w", err)
	}
	return nil
}
