package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// storeRow is a line of `glancefs stores`.
type storeRow struct {
	Name         string   `json:"name"`
	Type         string   `json:"type"`
	Default      bool     `json:"default"`
	Reserved     bool     `json:"reserved"`
	Status       string   `json:"status"`
	Schemes      []string `json:"schemes"`
	Capabilities string   `json:"capabilities"`
	Weight       int      `json:"weight"`
	Description  string   `json:"description"`
}

func newStoresCommand() *cobra.Command {
	var configuration configFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stores [--json]",
		Short: "List the stores of the configuration, and whether they work",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			stores, err := openStores(cmd.Context(), &configuration)
			if err != nil {
				return err
			}
			defer stores.close()
			header := []string{"NAME", "TYPE", "DEFAULT", "RESERVED", "STATUS", "SCHEMES", "CAPABILITIES", "WEIGHT", "DESCRIPTION"}
			return printTable(cmd.OutOrStdout(), asJSON, storeRows(cmd.Context(), stores), header, storeRow.cells)
		},
	}
	configuration.addTo(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// storeRows makes the lines of the table.
func storeRows(ctx context.Context, stores *openedStores) []storeRow {
	var rows []storeRow
	status := stores.status(ctx)
	for i, in := range stores.set.Instances() {
		row := storeRow{
			Name:         in.Name(),
			Type:         in.Type(),
			Default:      in == stores.set.Default(),
			Reserved:     in.Reserved(),
			Status:       "ok",
			Schemes:      append([]string{}, in.Schemes()...), // [] in JSON, never null
			Capabilities: in.Capabilities().String(),
			Weight:       in.Weight(),
			Description:  in.Description(),
		}
		if status[i] != nil {
			row.Status = oneLine(status[i])
		}
		rows = append(rows, row)
	}
	return rows
}

func (r storeRow) cells() []string {
	return []string{
		r.Name, r.Type, yesNo(r.Default), yesNo(r.Reserved), shorten(r.Status),
		strings.Join(r.Schemes, ","), r.Capabilities, strconv.Itoa(r.Weight), r.Description,
	}
}

// oneLine returns the message of an error that may be several.
func oneLine(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// shorten cuts what is too long for a column; JSON and check have it whole.
func shorten(text string) string {
	const limit = 72 // arbitrary
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return text
}
