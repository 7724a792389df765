package bench

import (
	"math"
	"strings"
	"text/template"
)

// Chart is an SVG of the ratios: a bar for each tool and work, to the right
// where glancefs is faster and to the left where it is slower, on a
// logarithmic scale. It is readable on light and on dark paper.
func (r *Report) Chart() string {
	c := ratioChart{Middle: 480, Unit: 70, y: 20}
	for power := -3; power <= 5; power++ {
		c.Lines = append(c.Lines, gridLine{c.at(math.Exp2(float64(power))), ratioTick(power)})
	}
	for _, g := range r.Groups {
		for _, w := range g.Works {
			c.add(g.Name, w)
		}
	}
	c.Height = c.y + 30
	return execute(ratioTemplate, c)
}

type ratioChart struct {
	Middle, Unit float64 // where the ratio 1 is, and how far 2 is from it
	Height       float64
	Lines        []gridLine
	Titles       []label
	Bars         []bar
	y            float64
}

type gridLine struct {
	X    float64
	Text string
}

type label struct {
	Y    float64
	Text string
}

type bar struct {
	X, Y, Width   float64
	Tool, Ratio   string
	Slower        bool
	TextX, LabelY float64
}

// add adds the bars of one work.
func (c *ratioChart) add(group string, w Work) {
	begin := len(c.Bars)
	top := c.y + 30
	y := top
	for _, r := range w.Results {
		if r.Tool == Glancefs || r.Ratio == 0 {
			continue
		}
		y += 18
		end := c.at(r.Ratio)
		c.Bars = append(c.Bars, bar{
			X: min(c.Middle, end), Y: y - 10, Width: math.Abs(end - c.Middle), LabelY: y,
			Tool: r.Tool, Ratio: ratioText(r.Ratio), Slower: r.Ratio < 1, TextX: max(c.Middle, end) + 4,
		})
	}
	if len(c.Bars) > begin {
		c.Titles = append(c.Titles, label{top, group + ": " + w.Name})
		c.y = y
	}
}

// at is where a ratio is, within the paper.
func (c *ratioChart) at(ratio float64) float64 {
	return c.Middle + c.Unit*min(max(math.Log2(ratio), -3), 5)
}

func ratioTick(power int) string {
	if power < 0 {
		return "1/" + ratioTick(-power)
	}
	return []string{"1", "2", "4", "8", "16", "32"}[power]
}

func execute(t *template.Template, data any) string {
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		panic(err) // the template does not fit its data
	}
	return b.String()
}

// style holds the colours of both charts, in light and dark.
const style = `<style>
text { font: 12px sans-serif; fill: #24292f } .small { font-size: 11px } .title { font-weight: bold }
.grid { stroke: #d0d7de } .axis { stroke: #57606a } .faster { fill: #2da44e } .slower { fill: #cf222e }
.a { stroke: #0969da; fill: none } .b { stroke: #bf8700; fill: none }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .grid { stroke: #30363d } .axis { stroke: #8b949e } .faster { fill: #3fb950 } .slower { fill: #f85149 }
.a { stroke: #58a6ff } .b { stroke: #d29922 }
}
</style>`

var ratioTemplate = template.Must(template.New("ratios").Funcs(template.FuncMap{"text": template.HTMLEscapeString}).Parse(
	`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 {{.Height}}" role="img" aria-label="Time of other tools divided by that of glancefs">
` + style + `
<text x="10" y="16" class="title">Time of the tool / time of glancefs (more than 1: glancefs is faster)</text>
{{- range .Lines}}
<line x1="{{printf "%.1f" .X}}" x2="{{printf "%.1f" .X}}" y1="24" y2="{{$.Height}}" class="grid"/><text x="{{printf "%.1f" .X}}" y="34" class="small" text-anchor="middle">{{.Text}}</text>
{{- end}}
{{- range .Titles}}
<text x="10" y="{{printf "%.1f" .Y}}" class="title">{{text .Text}}</text>
{{- end}}
{{- range .Bars}}
<text x="30" y="{{printf "%.1f" .LabelY}}">{{text .Tool}}</text><rect x="{{printf "%.1f" .X}}" y="{{printf "%.1f" .Y}}" width="{{printf "%.1f" .Width}}" height="12" class="{{if .Slower}}slower{{else}}faster{{end}}"/><text x="{{printf "%.1f" .TextX}}" y="{{printf "%.1f" .LabelY}}" class="small">{{.Ratio}}</text>
{{- end}}
<line x1="{{.Middle}}" x2="{{.Middle}}" y1="38" y2="{{.Height}}" class="axis"/>
</svg>
`))
