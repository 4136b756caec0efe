package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/browse"
)

func (in *inspector) browse() *cobra.Command {
	var learner string
	cmd := &cobra.Command{
		Use: "browse [CONVERSATION]", Short: "Walk through conversations in the terminal, as they are and as they grow", Args: cobra.MaximumNArgs(1),
		RunE: in.run(func(cmd *cobra.Command, args []string) error {
			if !onTerminal(cmd.OutOrStdout()) {
				return errors.New("browse needs a terminal; the other state commands do not")
			}
			user, err := in.learner(cmd, learner)
			if err != nil {
				return err
			}
			c := browse.Config{Source: in.desk.Conversations, User: user, In: cmd.InOrStdin(), Out: cmd.OutOrStdout()}
			if len(args) > 0 {
				if c.Open, err = conversationID(args[0]); err != nil {
					return err
				}
			}
			return browse.Run(cmd.Context(), c)
		}),
	}
	cmd.Flags().StringVar(&learner, "user", "", "only those of a learner, by id or email")
	return cmd
}
