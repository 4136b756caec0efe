package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/fluentpro/fluentpro/internal/api"
	"github.com/fluentpro/fluentpro/internal/app"
	"github.com/fluentpro/fluentpro/internal/usage"
)

func openapiCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "openapi", Short: "Tell what the contracts of the API say"}
	cmd.AddCommand(deprecationsCommand())
	return cmd
}

func deprecationsCommand() *cobra.Command {
	in := usage.ReadInput{}
	cmd := &cobra.Command{
		Use:   "deprecations",
		Short: "List what is deprecated, until when, and how much it is still called",
		Long: "Operations, parameters and fields, as the contracts have them. Calls are those of the last days up to now,\n" +
			"as the nodes wrote them, which they do every ten seconds; nobody can count who reads a field.\n" +
			"USERS are those who were signed in. " + whichDatabase,
		Args: cobra.NoArgs,
		RunE: atDesk(func(cmd *cobra.Command, _ []string, desk *app.Desk) error {
			if in.Days < 1 || in.Days > usage.MaxDays {
				return fmt.Errorf("--days must be 1 to %d", usage.MaxDays)
			}
			all, err := api.Deprecations()
			if err != nil {
				return err
			}
			counts, err := desk.Usage.Read(cmd.Context(), in)
			if err != nil {
				return err
			}
			return writeDeprecations(cmd.OutOrStdout(), all, counts, in)
		}),
	}
	flags := cmd.Flags()
	flags.IntVar(&in.Days, "days", 30, "count the calls of so many days, today's included")
	flags.BoolVar(&in.ByClient, "by-client", false, "a line for each kind of client, by the family of its User-Agent")
	flags.BoolVar(&in.ByUser, "by-user", false, "a line for each user, by id")
	return cmd
}

// writeDeprecations writes a line for each count, and one for what nobody called.
func writeDeprecations(to io.Writer, all []api.Deprecation, counts []usage.Count, in usage.ReadInput) error {
	of := map[string][]usage.Count{}
	for _, c := range counts {
		of[c.Name] = append(of[c.Name], c)
	}
	out := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprint(out, "VERSION\tDEPRECATED\tSINCE\tSUNSET\tSUCCESSOR\tCALLS\tUSERS\tLAST CALL")
	if in.ByClient {
		fmt.Fprint(out, "\tCLIENT")
	}
	if in.ByUser {
		fmt.Fprint(out, "\tUSER")
	}
	fmt.Fprintln(out)
	for _, d := range all {
		lines := of[d.Name]
		if len(lines) == 0 {
			lines = []usage.Count{{}}
		}
		for _, c := range lines {
			writeDeprecation(out, d, c, in)
		}
	}
	return out.Flush()
}

func writeDeprecation(out io.Writer, d api.Deprecation, c usage.Count, in usage.ReadInput) {
	successor, calls, users, last := d.Successor, fmt.Sprint(c.Calls), fmt.Sprint(c.Users), "-"
	if successor == "" {
		successor = "none"
	}
	if d.Uncounted {
		calls, users = "-", "-"
	}
	if !c.Last.IsZero() {
		last = c.Last.Format(time.DateOnly)
	}
	fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", d.Version, d.Name, d.Since.Format(time.DateOnly),
		d.Sunset.Format(time.DateOnly), successor, calls, users, last)
	if in.ByClient {
		fmt.Fprint(out, "\t", orDash(c.Client))
	}
	if in.ByUser && c.UserID != uuid.Nil {
		fmt.Fprint(out, "\t", c.UserID)
	} else if in.ByUser {
		fmt.Fprint(out, "\t-")
	}
	fmt.Fprintln(out)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
