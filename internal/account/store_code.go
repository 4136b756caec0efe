package account

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/fluentpro/fluentpro/gen/db"
	"github.com/fluentpro/fluentpro/internal/platform/postgres"
)

func countCodes(ctx context.Context, tx postgres.Tx, args codeArgs, since time.Time) (int, error) {
	n, err := db.New().CountMailedCodes(ctx, tx, db.CountMailedCodesParams{
		UserID: args.UserID, Purpose: string(args.Purpose), Since: since, ID: args.CodeID,
	})
	if err != nil {
		return 0, fmt.Errorf("count codes: %w", err)
	}
	return n, nil
}

// freeEmail is the email of a code, or nothing where an account has it.
func freeEmail(ctx context.Context, tx postgres.Tx, codeID uuid.UUID) (string, error) {
	email, err := db.New().FreeEmailOfCode(ctx, tx, codeID)
	if postgres.NoRows(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read code: %w", err)
	}
	return email, nil
}

// insertCode stores a code's hash, and reports whether it was not there before.
func insertCode(ctx context.Context, tx postgres.Tx, c mailedCode, hash []byte, at time.Time) (bool, error) {
	n, err := db.New().InsertMailedCode(ctx, tx, db.InsertMailedCodeParams{
		ID: c.ID, Hash: hash, UserID: c.UserID, Purpose: string(c.Purpose), Email: c.Email, At: at, ExpiresAt: at.Add(CodeLifetime),
	})
	if err != nil {
		return false, fmt.Errorf("store code: %w", err)
	}
	return n == 1, nil
}

func codeForUpdate(ctx context.Context, tx postgres.Tx, hash []byte) (mailedCode, error) {
	row, err := db.New().MailedCodeForUpdate(ctx, tx, hash)
	return toCode(row, err)
}

// code reads a code without locking it: it may be used by another meanwhile.
func (s *store) code(ctx context.Context, hash []byte) (mailedCode, error) {
	row, err := s.q.MailedCodeByHash(ctx, s.pool, hash)
	c, err := toCode(row, err)
	return c, postgres.Translate(err)
}

func toCode(row db.MailedCode, err error) (mailedCode, error) {
	if postgres.NoRows(err) {
		return mailedCode{}, errInvalidCode
	}
	if err != nil {
		return mailedCode{}, fmt.Errorf("read code: %w", err)
	}
	return mailedCode{ID: row.ID, UserID: row.UserID, Purpose: purpose(row.Purpose), Email: row.Email, ExpiresAt: row.ExpiresAt, UsedAt: row.UsedAt}, nil
}

func useCodes(ctx context.Context, tx postgres.Tx, c mailedCode, at time.Time) error {
	err := db.New().UseMailedCodes(ctx, tx, db.UseMailedCodesParams{UserID: c.UserID, Purpose: string(c.Purpose), At: &at})
	if err != nil {
		return fmt.Errorf("use code: %w", err)
	}
	return nil
}
