package onboarding

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

var errNoUser = fault.New(fault.NotFound, "resource.not_found", "There is no such user.")

// store is this noun's part of the database.
type store struct {
	pool *pgxpool.Pool
	q    db.Queries
}

// row is an onboarding as it is stored: without what others keep.
type row struct {
	Onboarding
	roleID *uuid.UUID
}

// with adds what was read of others at the same version.
func (r row) with(seen Onboarding) Onboarding {
	o := r.Onboarding
	o.NativeLanguage = seen.NativeLanguage
	if r.roleID != nil && seen.Role != nil && seen.Role.ID == *r.roleID {
		o.Role = seen.Role
	}
	return o
}

// onboarding reads a learner's; one who has none is not_started.
func (s *store) onboarding(ctx context.Context, user uuid.UUID) (row, error) {
	r, err := s.q.OnboardingByUser(ctx, s.pool, user)
	if postgres.NoRows(err) {
		return row{Onboarding: Onboarding{UserID: user, Status: StatusNotStarted, Step: StepNotStarted, Partners: []Partner{}}}, nil
	}
	if err != nil {
		return row{}, postgres.Translate(fmt.Errorf("read onboarding: %w", err))
	}
	return fromRow(r)
}

// lock makes sure that a learner has a row, and locks it until tx ends.
func lock(ctx context.Context, tx postgres.Tx, user uuid.UUID, at time.Time) (row, error) {
	q := db.New()
	_, err := q.InsertOnboarding(ctx, tx, db.InsertOnboardingParams{UserID: user, At: at})
	if postgres.ForeignKeyViolation(err, "onboardings_user_id_fkey") { // erased since the token was checked
		return row{}, errNoUser
	}
	if err != nil {
		return row{}, fmt.Errorf("insert onboarding: %w", err)
	}
	r, err := q.OnboardingForUpdate(ctx, tx, user)
	if postgres.NoRows(err) { // erased while it was waited for
		return row{}, errNoUser
	}
	if err != nil {
		return row{}, fmt.Errorf("lock onboarding: %w", err)
	}
	return fromRow(r)
}

func update(ctx context.Context, tx postgres.Tx, o Onboarding) error {
	partners, err := json.Marshal(o.Partners)
	if err != nil {
		return fmt.Errorf("update onboarding: %w", err)
	}
	p := db.UpdateOnboardingParams{
		UserID: o.UserID, Version: o.Version, Status: o.Status, Step: o.Step, IndustryID: o.IndustryID, Partners: partners,
		TaskID: o.TaskID, StartedAt: o.StartedAt, LastActivityAt: o.LastActivityAt, CompletedAt: o.CompletedAt, UpdatedAt: *o.UpdatedAt,
	}
	if o.Role != nil {
		p.RoleID = &o.Role.ID
	}
	if o.RoleInput != nil {
		p.RoleTitle, p.RoleDescription = &o.RoleInput.Title, &o.RoleInput.Description
	}
	if err := db.New().UpdateOnboarding(ctx, tx, p); err != nil {
		return fmt.Errorf("update onboarding: %w", err)
	}
	return nil
}

// silent locks up to limit onboardings in a status that have been silent since.
func silent(ctx context.Context, tx postgres.Tx, status string, since time.Time, limit int) ([]Onboarding, error) {
	rows, err := db.New().SilentOnboardings(ctx, tx, db.SilentOnboardingsParams{Status: status, Since: since, MaxRows: limit})
	if err != nil {
		return nil, fmt.Errorf("find silent onboardings: %w", err)
	}
	out := make([]Onboarding, 0, len(rows))
	for _, r := range rows {
		one, err := fromRow(r)
		if err != nil {
			return nil, err
		}
		out = append(out, one.Onboarding)
	}
	return out, nil
}

// settle stores the status that silence gave to locked onboardings.
func settle(ctx context.Context, tx postgres.Tx, users []uuid.UUID, status string, at time.Time) error {
	var err error
	if status == StatusPaused {
		err = db.New().PauseOnboardings(ctx, tx, users)
	} else {
		err = db.New().LeaveOnboardings(ctx, tx, db.LeaveOnboardingsParams{UserIds: users, Status: status, At: at})
	}
	if err != nil {
		return fmt.Errorf("store silence: %w", err)
	}
	return nil
}

func (s *store) erase(ctx context.Context, user uuid.UUID) (int64, error) {
	n, err := s.q.DeleteOnboarding(ctx, s.pool, user)
	if err != nil {
		return 0, postgres.Translate(fmt.Errorf("erase onboarding: %w", err))
	}
	return n, nil
}

func fromRow(r db.Onboarding) (row, error) {
	o := Onboarding{
		UserID: r.UserID, Version: r.Version, Status: r.Status, Step: r.Step, IndustryID: r.IndustryID, TaskID: r.TaskID,
		StartedAt: utc(r.StartedAt), CompletedAt: utc(r.CompletedAt),
	}
	if r.Version > 0 { // else the row is there to be locked
		o.UpdatedAt, o.LastActivityAt = utc(&r.UpdatedAt), r.LastActivityAt.UTC()
	}
	if r.RoleTitle != nil && r.RoleDescription != nil {
		o.RoleInput = &RoleInput{Title: *r.RoleTitle, Description: *r.RoleDescription}
	}
	if err := json.Unmarshal(r.Partners, &o.Partners); err != nil {
		return row{}, fmt.Errorf("onboarding %s: partners: %w", r.UserID, err)
	}
	return row{Onboarding: o, roleID: r.RoleID}, nil
}

func utc(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	t := at.UTC()
	return &t
}
