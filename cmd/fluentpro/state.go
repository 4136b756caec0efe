package main

import "github.com/spf13/cobra"

func stateCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "state", Short: "See, save and bring back what is stored of conversations"}
	cmd.AddCommand(stateBackupCommand(), stateRestoreCommand())
	return cmd
}
