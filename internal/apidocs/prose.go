package apidocs

import "strings"

// paragraph is running text with code in it.
type paragraph []piece

// prose reads the little markup that the descriptions use: blank lines between paragraphs, `code` between backticks. All else is text.
func prose(text string) []paragraph {
	var all []paragraph
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		var p paragraph
		for i, part := range strings.Split(strings.Join(strings.Fields(block), " "), "`") {
			if part != "" {
				p = append(p, piece{Text: part, Code: i%2 == 1})
			}
		}
		if len(p) > 0 {
			all = append(all, p)
		}
	}
	return all
}

// slug makes an address of a name.
func slug(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }
