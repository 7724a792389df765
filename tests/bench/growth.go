package bench

import (
	"fmt"
	"math"
	"strings"
	"text/template"
)

// Growth is how time and memory grow: with the size of an image, and with the
// number of images in a store.
type Growth struct {
	Machine Machine
	Command string
	Date    string
	Rounds  int // measurements of each, but one of what is sparse
	Sizes   []SizePoint
	Numbers []NumberPoint
}

// SizePoint is an image of a size, added and read warm.
type SizePoint struct {
	Bytes     int64
	Sparse    bool // zeros but for the last byte: hashed like others, but they take no space
	Add, Read Sample
}

// NumberPoint is a store of so many images. Start is from the start of
// glancefs until it is mounted; List is ls -l.
type NumberPoint struct {
	Images      int
	Start, List Sample
}

// Markdown is the tables for the README.
func (g *Growth) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s. File store on tmpfs, sha512; medians of %d rounds, sparse images once.\n\n", made(g.Command, g.Date, g.Machine), g.Rounds)
	b.WriteString("| image | add | read, warm | memory beside idle: add, read |\n|---|---|---|---|\n")
	for _, p := range g.Sizes {
		kind := ""
		if p.Sparse {
			kind = ", sparse"
		}
		fmt.Fprintf(&b, "| %s%s | %s | %s | %s, %s |\n", bytesText(p.Bytes), kind, secondsText(p.Add.Seconds), secondsText(p.Read.Seconds),
			bytesText(p.Add.Memory), bytesText(p.Read.Memory))
	}
	b.WriteString("\n| images in the store | start | ls -l | memory beside idle: ls -l |\n|---|---|---|---|\n")
	for _, p := range g.Numbers {
		fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", p.Images, secondsText(p.Start.Seconds), secondsText(p.List.Seconds), bytesText(p.List.Memory))
	}
	return b.String()
}

// Chart is an SVG with both on logarithmic scales, where what is linear rises
// by 45 degrees.
func (g *Growth) Chart() string {
	sizes := panel{X: 60, Title: "Seconds against size: add (blue), read (yellow)", End: 370}
	for _, p := range g.Sizes {
		sizes.point(float64(p.Bytes)/(1<<20), bytesText(p.Bytes), p.Add.Seconds, p.Read.Seconds)
	}
	numbers := panel{X: 500, Title: "Seconds against number: ls -l (blue), start (yellow)", End: 720}
	for _, p := range g.Numbers {
		numbers.point(float64(p.Images)/100, fmt.Sprint(p.Images), p.List.Seconds, p.Start.Seconds)
	}
	return execute(growthTemplate, []panel{sizes, numbers})
}

// panel is one of the two charts. A decade is 70 units, in both directions.
type panel struct {
	X, End       float64 // from left to right
	Title        string
	PathA, PathB string
	Ticks        []gridLine
}

const (
	decade = 70
	floor  = 400 // where 1 ms is
)

// Rows are the horizontal lines, one for each power of ten.
func (p panel) Rows() (rows []label) {
	for i, text := range []string{"1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s"} {
		rows = append(rows, label{floor - float64(decade*i), text})
	}
	return rows
}

// point adds a point to both lines; x is 1 for the leftmost.
func (p *panel) point(x float64, text string, a, b float64) {
	at := p.X + decade*math.Log10(x)
	p.Ticks = append(p.Ticks, gridLine{at, text})
	p.PathA += fmt.Sprintf("%.1f,%.1f ", at, height(a))
	p.PathB += fmt.Sprintf("%.1f,%.1f ", at, height(b))
}

func height(seconds float64) float64 {
	return floor - decade*math.Log10(max(seconds, 1e-3)/1e-3)
}

var growthTemplate = template.Must(template.New("growth").Funcs(template.FuncMap{"text": template.HTMLEscapeString}).Parse(
	`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 440" role="img" aria-label="Time of glancefs against size and number of images">
` + style + `
{{- range $p := .}}
<text x="{{.X}}" y="20" class="title">{{text .Title}}</text>
{{- range .Rows}}
<line x1="{{$p.X}}" x2="{{$p.End}}" y1="{{.Y}}" y2="{{.Y}}" class="grid"/><text x="{{$p.X}}" dx="-6" y="{{.Y}}" class="small" text-anchor="end">{{.Text}}</text>
{{- end}}
{{- range .Ticks}}
<line x1="{{printf "%.1f" .X}}" x2="{{printf "%.1f" .X}}" y1="40" y2="400" class="grid"/><text x="{{printf "%.1f" .X}}" y="418" class="small" text-anchor="middle">{{text .Text}}</text>
{{- end}}
<polyline points="{{.PathA}}" class="a" stroke-width="2"/><polyline points="{{.PathB}}" class="b" stroke-width="2"/>
{{- end}}
</svg>
`))
