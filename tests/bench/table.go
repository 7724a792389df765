package bench

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Markdown is the report for the README: a table for each group, the limit,
// and on what machine all that was measured.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", r.about())
	for _, g := range r.Groups {
		g.table(&b)
	}
	r.limits(&b)
	for _, text := range append(r.failed(), r.Missing...) {
		fmt.Fprintf(&b, "Not measured: %s\n\n", text)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func (r *Report) about() string {
	var versions []string
	for _, name := range slices.Sorted(maps.Keys(r.Machine.Versions)) {
		versions = append(versions, name+" "+r.Machine.Versions[name])
	}
	return fmt.Sprintf("%s; %s. Medians of %d rounds, the tools in turns. "+
		"Images are on tmpfs, those read cold on %s; Ceph is one node on the same machine, its disk on tmpfs. "+
		"In brackets the tool's time divided by that of glancefs: more than 1 is slower than glancefs. "+
		"CPU and memory are the daemon's, memory at the peak beside the idle daemon.",
		made(r.Command, r.Date, r.Machine), strings.Join(versions, ", "), r.Rounds, r.Machine.Disk)
}

// made says how, when and where figures were made.
func made(command, date string, m Machine) string {
	load := ""
	if m.Load > 0 {
		load = fmt.Sprintf(" (load %.1f when it began)", m.Load)
	}
	return fmt.Sprintf("Made by `%s` on %s: %s, %d cores%s, %s, Linux %s", command, date, m.CPU, m.Cores, load, bytesText(m.Memory), m.Kernel)
}

// table writes one group: a line for each work, a column for each tool.
func (g *Group) table(b *strings.Builder) {
	tools := g.tools()
	fmt.Fprintf(b, "| %s |", g.Name)
	for _, tool := range tools {
		fmt.Fprintf(b, " %s |", tool)
	}
	fmt.Fprintf(b, " CPU, memory of glancefs |\n|---|%s---|\n", strings.Repeat("---|", len(tools)))
	for i := range g.Works {
		w := &g.Works[i]
		fmt.Fprintf(b, "| %s |", w.Name)
		for _, tool := range tools {
			fmt.Fprintf(b, " %s |", w.cell(tool))
		}
		resources := ""
		if ours := w.Find(Glancefs); ours != nil {
			resources = fmt.Sprintf("%s, %s", secondsText(ours.Median.CPU), bytesText(ours.Median.Memory))
		}
		fmt.Fprintf(b, " %s |\n", resources)
	}
	b.WriteString("\n")
}

// tools lists the tools of a group in the order in which they come first.
func (g *Group) tools() (tools []string) {
	for _, w := range g.Works {
		for _, r := range w.Results {
			if !slices.Contains(tools, r.Tool) {
				tools = append(tools, r.Tool)
			}
		}
	}
	return tools
}

func (w *Work) cell(tool string) string {
	for _, r := range w.Results {
		switch {
		case r.Tool != tool:
		case r.Error != "":
			return "failed"
		case r.Ratio == 0 || tool == Glancefs:
			return secondsText(r.Median.Seconds)
		default:
			return fmt.Sprintf("%s (%s)", secondsText(r.Median.Seconds), ratioText(r.Ratio))
		}
	}
	return ""
}

// failed says why results are no measurements.
func (r *Report) failed() (texts []string) {
	for _, g := range r.Groups {
		for _, w := range g.Works {
			for _, result := range w.Results {
				if result.Error != "" {
					texts = append(texts, fmt.Sprintf("%s: %s: %s: %s", g.Name, w.Name, result.Tool, result.Error))
				}
			}
		}
	}
	return texts
}

// limits writes how fast the hashes are, and how close the adds come to what
// the machine can do.
func (r *Report) limits(b *strings.Builder) {
	if len(r.Hashes) == 0 {
		return
	}
	b.WriteString("One core alone, GB/s (package digest, openssl):")
	for i, h := range r.Hashes {
		if i > 0 {
			b.WriteString(";")
		}
		fmt.Fprintf(b, " %s %.2f", h.Name, h.Ours/1e9)
		if h.OpenSSL > 0 {
			fmt.Fprintf(b, ", %.2f", h.OpenSSL/1e9)
		}
	}
	b.WriteString(". With the hashes (each alone, or together where that is less) and the copy spread over all cores, and 0.9 CPU seconds a GiB for FUSE, the limit is:\n\n" +
		"| add | limit | glancefs | limit / glancefs |\n|---|---|---|---|\n")
	for _, g := range r.Groups {
		for i := range g.Works {
			w := &g.Works[i]
			if c := r.Closeness(w); c > 0 {
				fmt.Fprintf(b, "| %s | %s | %s | %.2f |\n", w.Name, secondsText(r.Limit(w)), secondsText(w.Find(Glancefs).Median.Seconds), c)
			}
		}
	}
	b.WriteString("\n")
}

// secondsText is a time with three digits or so.
func secondsText(s float64) string {
	switch {
	case s >= 10:
		return fmt.Sprintf("%.1f s", s)
	case s >= 1:
		return fmt.Sprintf("%.2f s", s)
	case s >= 0.1:
		return fmt.Sprintf("%.0f ms", s*1e3)
	}
	return fmt.Sprintf("%.1f ms", s*1e3)
}

func ratioText(ratio float64) string {
	if ratio >= 9.95 {
		return fmt.Sprintf("%.0f", ratio)
	}
	return fmt.Sprintf("%.2f", ratio)
}

// bytesText is a size in the largest unit of which there is one.
func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.3g GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.3g MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.3g KiB", float64(max(n, 0))/(1<<10))
}
