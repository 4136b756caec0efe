package main

import (
	"errors"
	"fmt"
	"os/user"
	"regexp"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/conversation/record"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

// Exit codes of the state commands, beside 0 and 1.
const (
	exitDamaged = 2 // something is wrong with what is stored, and can be made good
	exitLost    = 3 // something is beyond recovery
	exitAbsent  = 4 // there is no such thing
)

const stateLong = `Look into what is stored of conversations, verify it, and make it good. docs/state.md has the runbooks.

Nothing is changed without --write, and what is changed is in the audit log under the name of --operator.

Exit codes: 0 all is well or done; 1 it could not be done; 2 something is wrong with what is stored, or, without --write, would be
changed; 3 something is beyond recovery; 4 there is no such conversation, learner or backup.

`

func stateCommand() *cobra.Command {
	in := &inspector{}
	cmd := &cobra.Command{Use: "state", Short: "Look into what is stored of conversations, and make it good", Long: stateLong + whichDatabase}
	flags := cmd.PersistentFlags()
	flags.StringVarP(&in.format, "output", "o", formatTable, "table, json, yaml or ndjson")
	flags.BoolVar(&in.write, "write", false, "change what is stored; without it, only tell what would be changed")
	flags.StringVar(&in.operator, "operator", "", "who changes it; without it, the login name, unless that is root")
	cmd.AddCommand(in.list(), in.show(), in.messages(), in.versions(), in.diff(), in.search(), in.stats(), in.health(),
		in.verify(), in.rollback(), in.export(), in.browse(), in.drill(), in.backup(), in.restore(), in.importing())
	return cmd
}

// inspector is what the state commands share.
type inspector struct {
	format   string
	write    bool
	operator string

	out     *output
	desk    *app.Desk
	writing uuid.UUID // the reply that is being shown as it is written; zero: none
}

// run makes what a command does of what it does with a desk.
func (in *inspector) run(do func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		if in.out, err = newOutput(cmd, in.format); err != nil {
			return err
		}
		err = atDesk(func(cmd *cobra.Command, args []string, desk *app.Desk) error {
			in.desk = desk
			return do(cmd, args)
		})(cmd, args)
		if _, said := errors.AsType[exitCode](err); !said && fault.Is(err, "resource.not_found") {
			return exitCode{exitAbsent, err}
		}
		return err
	}
}

// loginName is what events may call an operator.
var loginName = regexp.MustCompile(`^[a-z][a-z0-9._-]{1,31}$`)

// who gives the operator that a change is done by. Faults: nobody is named, or there is no
// Redis, without which readers would not be told.
func (in *inspector) who() (string, error) {
	if !in.desk.Live {
		return "", errors.New("set FLUENTPRO_REDIS_URL: without it, who reads a conversation is not told that it has changed")
	}
	return in.named()
}

// named is the operator of a change that can be made without Redis, too.
func (in *inspector) named() (string, error) {
	name := in.operator
	if name == "" {
		if u, err := user.Current(); err == nil && u.Username != "root" {
			name = u.Username
		}
	}
	if !loginName.MatchString(name) {
		return "", fmt.Errorf("say who you are with --operator: a login name such as mei.chen, not %q", name)
	}
	return name, nil
}

// conversationID reads an argument.
func conversationID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return id, fmt.Errorf("%q is not the id of a conversation: %w", text, err)
	}
	return id, nil
}

// record reads the conversation that an argument names.
func (in *inspector) record(cmd *cobra.Command, text string) (record.Record, error) {
	id, err := conversationID(text)
	if err != nil {
		return record.Record{}, err
	}
	return in.desk.Conversations.Record(cmd.Context(), id)
}

// learner reads the flag that names one by id or email; nil: it is not set.
func (in *inspector) learner(cmd *cobra.Command, text string) (*uuid.UUID, error) {
	if text == "" {
		return nil, nil
	}
	id, err := in.desk.User(cmd.Context(), text)
	if err != nil {
		return nil, fmt.Errorf("learner %s: %w", text, err)
	}
	return &id, nil
}
