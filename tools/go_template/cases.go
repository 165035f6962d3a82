// Says what Go's text/template makes of templates, for src/text/go_template: by hand, never in CI.
//
//	go run cases.go < cases.json > expected.json      # the cases with what comes of them
//	go run cases.go -random 20000 -seed 7 > random.json
//
// A case has a template and data (JSON); it gets an output, or where Go refuses it, "error".
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"os"
	"strings"
	"text/template"
)

type testCase struct {
	Template string  `json:"template"`
	Data     any     `json:"data"`
	Output   *string `json:"output,omitempty"`
	Error    string  `json:"error,omitempty"`
}

var functions = template.FuncMap{
	"json": func(value any) string {
		text, _ := json.Marshal(value)
		return string(text)
	},
	"currentDate":      func(...string) string { return "2026-03-01" },
	"yesterdayDate":    func(...string) string { return "2026-02-28" },
	"toTypeScriptType": func(any) string { return "any" },
}

// What bounds a template that ends late: a text as long as this is an error in Hearth as well.
type boundedWriter struct{ strings.Builder }

func (w *boundedWriter) Write(bytes []byte) (int, error) {
	if w.Len()+len(bytes) > 4<<20 {
		return 0, io.ErrShortWrite
	}
	return w.Builder.Write(bytes)
}

func run(c *testCase) {
	c.Output, c.Error = nil, ""
	parsed, err := template.New("test").Option("missingkey=zero").Funcs(functions).Parse(c.Template)
	if err != nil {
		c.Error = err.Error()
		return
	}
	var out boundedWriter
	if err := parsed.Execute(&out, c.Data); err != nil {
		c.Error = err.Error()
		return
	}
	text := out.String()
	c.Output = &text
}

// --- Random templates

type generator struct {
	*rand.Rand
	variables []string
	loops     int
}

func (g *generator) one(of ...string) string { return of[g.Intn(len(of))] }

func (g *generator) constant() string {
	return g.one("1", "0", "-3", "2.5", "1e3", "0x1F", "'a'", "`raw`", `"text"`, `"a\tb\u00e9"`, `""`, "true", "false",
		"nil", "1_000", "07", "1e-7", `"%v %d|"`, `"%5.2f"`, `"%q %x"`, `"%-6s|%06d"`, `"%+v %#v"`, `"%[2]v %[1]v"`, `"%T"`)
}

func (g *generator) field() string {
	return g.one(".A", ".B", ".List", ".Map", ".Map.x", ".Map.deep.er", ".Text", ".Num", ".Yes", ".No", ".Null", ".Missing",
		".Missing.x", ".Messages", ".Role", ".Content", ".", ".Mixed", ".Empty")
}

func (g *generator) term(depth int) string {
	switch n := g.Intn(10); {
	case n < 3:
		return g.constant()
	case n < 7:
		return g.field()
	case n < 8 && len(g.variables) > 0:
		return g.one(g.variables...) + g.one("", "", "", "", "", ".x", ".Role")
	case depth > 0:
		return "(" + g.pipeline(depth-1) + ")" + g.one("", "", "", "", "", "", "", ".x", ".Role")
	}
	return g.one("$", "$.Text", "$.List", "$.Map.x", "print", "currentDate")
}

func (g *generator) command(depth int) string {
	if g.Intn(5) < 2 {
		return g.term(depth)
	}
	name := g.one("and", "or", "not", "len", "index", "slice", "print", "printf", "printf", "println", "html", "js",
		"urlquery", "eq", "ne", "lt", "le", "gt", "ge", "call", "json", "json", "eq", "index")
	n := 1 + g.Intn(3)
	switch name {
	case "not", "len", "json", "html", "js", "urlquery":
		n = 1
	case "ne", "lt", "le", "gt", "ge":
		n = 2
	}
	if g.Intn(20) == 0 {
		n = g.Intn(5)
	}
	words := []string{name}
	for i := 0; i < n; i++ {
		words = append(words, g.term(depth))
	}
	if name == "printf" && g.Intn(3) > 0 && n > 0 {
		words[1] = g.format()
	}
	return strings.Join(words, " ")
}

func (g *generator) format() string {
	var text strings.Builder
	text.WriteByte('"')
	for i := g.Intn(4); i >= 0; i-- {
		text.WriteString(g.one("", "a ", "é", "%%", "100%"))
		text.WriteByte('%')
		text.WriteString(g.one("", "", "", "-", "+", "0", " ", "#", "[1]", "[2]", "[9]", "[x]", "*"))
		text.WriteString(g.one("", "", "", "3", "12", ".2", "8.3", ".", ".0", "06"))
		text.WriteString(g.one("v", "v", "s", "d", "q", "x", "X", "t", "f", "g", "e", "c", "U", "b", "o", "O", "T", "z", "%", "G", "E"))
	}
	text.WriteByte('"')
	return text.String()
}

func (g *generator) pipeline(depth int) string {
	text := g.command(depth)
	for g.Intn(4) == 0 {
		text += " | " + g.one("len", "print", "printf \"%v\"", "printf \"[%5v]\"", "html", "js", "urlquery", "json", "not",
			"eq 1", "index .List", "and 1", "or false", "println", "slice", ".Text")
	}
	return text
}

func (g *generator) open() string  { return g.one("{{", "{{", "{{- ", "{{ ") }
func (g *generator) close() string { return g.one("}}", "}}", " -}}", " }}") }
func (g *generator) action(text string) string {
	return g.open() + text + g.close()
}

func (g *generator) variable() string { return g.one("$x", "$y", "$i", "$é") }

func (g *generator) node(depth int) string {
	before := len(g.variables)
	defer func() { g.variables = g.variables[:before] }()
	body := func() string {
		kept := len(g.variables)
		text := g.nodes(depth - 1)
		g.variables = g.variables[:kept]
		return text
	}
	otherwise := func() string {
		switch g.Intn(3) {
		case 0:
			return g.action("else") + body()
		case 1:
			return g.action("else if "+g.pipeline(1)) + body() + g.one("", g.action("else")+body())
		}
		return ""
	}
	switch n := g.Intn(12); {
	case depth <= 0 || n < 4:
		return g.action(g.pipeline(2))
	case n < 6:
		return g.one("text", " two words ", "\n", "  \n\t x ", "é🙂", "a } b", "{ ", "<|im_end|>")
	case n < 8:
		return g.action("if "+g.pipeline(2)) + body() + otherwise() + g.action("end")
	case n < 9:
		head := "with "
		if g.Intn(3) == 0 {
			name := g.variable()
			head += name + " := "
			g.variables = append(g.variables, name)
		}
		return g.action(head+g.pipeline(1)) + body() + g.one("", g.action("else")+body()) + g.action("end")
	case n < 11:
		head := "range "
		over := g.one(".List", ".Map", ".Messages", ".Empty", ".Mixed", ".Missing", g.pipeline(1))
		switch g.Intn(4) {
		case 0:
			a, b := g.variable(), g.variable()
			head += a + ", " + b + " := "
			g.variables = append(g.variables, a, b)
		case 1:
			a := g.variable()
			head += a + " := "
			g.variables = append(g.variables, a)
		}
		g.loops++
		text := body()
		if g.Intn(4) == 0 {
			text += g.action("if "+g.pipeline(1)) + g.action(g.one("break", "continue")) + g.action("end") + body()
		}
		g.loops--
		return g.action(head+over) + text + g.one("", g.action("else")+body()) + g.action("end")
	}
	name := g.variable()
	return g.action(name+" := "+g.pipeline(1)) + g.action(name) +
		g.one("", "{{/* "+g.one("note", "*", "}", ".A")+" */}}", "{{- /* note */ -}}", g.action(name+" = "+g.pipeline(1))+g.action(name))
}

func (g *generator) nodes(depth int) string {
	var text strings.Builder
	for i := g.Intn(3); i >= 0; i-- {
		text.WriteString(g.node(depth))
	}
	return text.String()
}

func (g *generator) template() string {
	g.variables = nil
	text := g.nodes(2)
	if g.Intn(6) == 0 {
		text += `{{define "t"}}` + g.nodes(1) + `{{end}}{{template "t" ` + g.term(0) + `}}`
	}
	if g.Intn(10) == 0 {
		text += `{{block "b" ` + g.term(1) + `}}` + g.nodes(1) + `{{end}}`
	}
	return text
}

func (g *generator) value(depth int) any {
	switch n := g.Intn(9); {
	case n < 3:
		return g.one("", "a", "text", "two words", "é🙂", "<a href='x'>&\"", "tab\t\n\x01", "\u2028")
	case n < 5:
		return []any{0.0, 1.0, -2.0, 2.5, 1e6, 1e21, 1e-7, 123456.0, 1234567.0, 3.0}[g.Intn(10)]
	case n < 6:
		return g.Intn(2) == 0
	case n < 7:
		return nil
	case depth > 0 && n < 8:
		list := []any{}
		for i := g.Intn(4); i > 0; i-- {
			list = append(list, g.value(depth-1))
		}
		return list
	case depth > 0:
		object := map[string]any{}
		for i := g.Intn(4); i > 0; i-- {
			object[g.one("x", "y", "deep", "Role", "Content", "A")] = g.value(depth - 1)
		}
		return object
	}
	return "end"
}

func (g *generator) data() any {
	return map[string]any{
		"A": g.value(0), "B": g.value(2), "Text": "some <text>", "Num": 3.0, "Yes": true, "No": false, "Null": nil,
		"List": []any{g.value(1), g.value(1), "z"}, "Map": map[string]any{"x": g.value(1), "y": 2.0, "deep": map[string]any{"er": "!"}},
		"Mixed": g.value(3), "Empty": []any{},
		"Messages": []any{map[string]any{"Role": "user", "Content": "Hi"}, map[string]any{"Role": "assistant", "Content": g.value(0)}},
	}
}

func main() {
	random := flag.Int("random", 0, "this many random cases")
	seed := flag.Int64("seed", 1, "of the random cases")
	flag.Parse()
	var cases []testCase
	if *random > 0 {
		g := &generator{Rand: rand.New(rand.NewSource(*seed))}
		for i := 0; i < *random; i++ {
			cases = append(cases, testCase{Template: g.template(), Data: g.data()})
		}
	} else if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for i := range cases {
		run(&cases[i])
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	fmt.Println("[")
	for i, c := range cases {
		if i > 0 {
			fmt.Print(",")
		}
		if err := encoder.Encode(c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	fmt.Println("]")
}
