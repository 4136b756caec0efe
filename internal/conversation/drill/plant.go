package drill

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fluentpro/fluentpro/internal/conversation/record"
)

// Plant makes the tables hold a record and nothing else of its conversation, past all rules of
// theirs, as a broken disk would. It needs the owner of the tables, and locks the versions of
// everybody for a moment.
func Plant(ctx context.Context, pool *pgxpool.Pool, r record.Record) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "alter table conversation_versions disable trigger user"); err != nil {
			return err
		}
		for _, sql := range []string{
			"delete from message_pasts p using messages m where m.id = p.message_id and m.conversation_id = $1",
			"delete from messages where conversation_id = $1", "delete from conversation_snapshots where conversation_id = $1",
			"delete from conversation_texts where conversation_id = $1", "delete from conversation_versions where conversation_id = $1",
			"delete from conversations where id = $1",
		} {
			if _, err := tx.Exec(ctx, sql, r.Head.ID); err != nil {
				return err
			}
		}
		if err := plant(ctx, tx, r); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "alter table conversation_versions enable trigger user")
		return err
	})
	if err != nil {
		return fmt.Errorf("plant %s: %w", r.Head.ID, err)
	}
	return nil
}

func plant(ctx context.Context, tx pgx.Tx, r record.Record) error {
	var head map[string]any
	if err := inJSON(r.Head, &head); err != nil {
		return err
	}
	delete(head, "checksum") // JSON has bytes in another form than PostgreSQL
	if _, err := tx.Exec(ctx, "insert into conversations select (jsonb_populate_record(null::conversations, $1::jsonb || jsonb_build_object('checksum', '\\x' || $2::text))).*",
		head, hex.EncodeToString(r.Head.Checksum)); err != nil {
		return err
	}
	for _, v := range r.Versions {
		if _, err := tx.Exec(ctx, "insert into conversation_versions (conversation_id, version, parent, operation, actor_id, at, entry, checksum) values ($1, $2, $3, $4, $5, $6, $7, $8)",
			v.ConversationID, v.Version, v.Parent, v.Operation, v.ActorID, v.At, v.Entry, v.Checksum); err != nil {
			return err
		}
	}
	for _, t := range r.Texts {
		if _, err := tx.Exec(ctx, "insert into conversation_texts (conversation_id, version, salt, body) values ($1, $2, $3, $4)", t.ConversationID, t.Version, t.Salt, t.Body); err != nil {
			return err
		}
	}
	rest := []struct {
		table string
		rows  any
	}{{"messages", r.Messages}, {"message_pasts", r.Pasts}, {"conversation_snapshots", r.Snapshots}}
	for _, one := range rest {
		text, err := json.Marshal(one.rows)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "insert into "+one.table+" select * from jsonb_populate_recordset(null::"+one.table+", coalesce(nullif($1::jsonb, 'null'), '[]'))", text); err != nil {
			return err
		}
	}
	return nil
}

func inJSON(from, into any) error {
	text, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
