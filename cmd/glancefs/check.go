package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"glancefs/config"
)

// finding is what `glancefs check` says of a store, or of the groups that
// all stores share (Store is then empty).
type finding struct {
	Store string `json:"store"`
	Level string `json:"level"` // ok, warning or error
	// Where it is, if it is in the configuration.
	File    string `json:"file"`
	Group   string `json:"group"`
	Option  string `json:"option"`
	Message string `json:"message"`
}

func newCheckCommand() *cobra.Command {
	var configuration configFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [--json]",
		Short: "Print every problem of every store; status 1 if there is one",
		Long: `Print every problem of the configuration and of the stores: file, group,
option, and what was expected. Options that nothing reads are warnings. The
stores are opened as mount opens them.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			stores, err := openStores(cmd.Context(), &configuration)
			if err != nil {
				return err
			}
			defer stores.close()
			findings := check(cmd.Context(), stores)
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), findings)
			} else {
				for _, f := range findings {
					fmt.Fprintln(cmd.OutOrStdout(), f)
				}
			}
			return errors.Join(err, failed(findings))
		},
	}
	configuration.addTo(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// check collects the findings, in the order of the stores.
func check(ctx context.Context, stores *openedStores) []finding {
	findings := findingsOf("", "warning", stores.warnings.Err())
	status := stores.status(ctx)
	for i, in := range stores.set.Instances() {
		findings = append(findings, findingsOf(in.Name(), "warning", in.Warning())...)
		if status[i] == nil {
			findings = append(findings, finding{Store: in.Name(), Level: "ok"})
			continue
		}
		findings = append(findings, findingsOf(in.Name(), "error", status[i])...)
	}
	return findings
}

// findingsOf makes findings of an error, of each if it is several joined.
func findingsOf(store, level string, err error) []finding {
	if err == nil {
		return nil
	}
	many, ok := err.(interface{ Unwrap() []error })
	// fmt.Errorf with two %w has the same method, but it is one error.
	if ok && err.Error() == errors.Join(many.Unwrap()...).Error() {
		var findings []finding
		for _, e := range many.Unwrap() {
			findings = append(findings, findingsOf(store, level, e)...)
		}
		return findings
	}
	f := finding{Store: store, Level: level, Message: oneLine(err)}
	var p config.Problem
	if errors.As(err, &p) {
		f.File, f.Group, f.Option, f.Message = p.File, p.Group, p.Option, p.Message
	}
	return []finding{f}
}

// String returns the finding as a line.
func (f finding) String() string {
	line := f.Level
	if f.Store != "" {
		line = f.Store + ": " + line
	}
	switch {
	case f.Option != "":
		return line + ": " + config.Problem{File: f.File, Group: f.Group, Option: f.Option, Message: f.Message}.Error()
	case f.Message != "":
		return line + ": " + f.Message
	}
	return line
}

// failed returns an error if one of the findings is.
func failed(findings []finding) error {
	errorCount := 0
	for _, f := range findings {
		if f.Level == "error" {
			errorCount++
		}
	}
	switch errorCount {
	case 0:
		return nil
	case 1:
		return errors.New("check: 1 problem")
	}
	return fmt.Errorf("check: %d problems", errorCount)
}
