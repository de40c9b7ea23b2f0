package agentapi

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cell is what the table of agent-api 5.4 says of one receiver: who plays her in which file, and how what she is told begins.
type cell struct{ file, who, told string }

// causes is the table of agent-api 5.4: each row with its cells, for A, the other agents and the invitee.
var causes = []struct {
	cause string
	cells []cell
}{
	{"offer", []cell{{"4.1-offer", "dana", "SC(Invited)"}}},
	{"Accept", []cell{{"4.2-accept", "dana", "SC(Chatting)+ref, PU, MSG("}, {"4.10-invite-accepted", "lena", "PU, MSG(ParticipantJoined)"}}},
	{"Reject", []cell{{"4.3-reject", "dana", "SC(Completed)+ref"}, {"4.9-consult-rejected", "dana", "Error+ref"}}},
	{"message/typing ops", []cell{
		{"4.4-SendMessage", "dana", "MSG(Text)"},
		{"4.4-SendMessage", "omar", "MSG(Text)"},
		{"4.4-SendToAgents", "omar", "MSG(Text)"},
		{"4.4-SendStartTypingNotification", "omar", "MSG(TypingStarted)"},
		{"4.4-SendStartTypingToAgentsNotification", "omar", "MSG(TypingStarted)"},
	}},
	{"Leave (last)", []cell{
		{"4.6-leave-last", "dana", "SC(LeftChat)+ref"}, {"4.6-leave-last-with-hidden-agents", "omar", "SC(Revoked)"}, {"4.6-leave-last-with-hidden-agents", "lena", "SC(Revoked)"},
	}},
	{"Leave (others stay)", []cell{{"4.6-leave-of-a-member", "omar", "SC(Completed)+ref"}, {"4.6-leave-of-a-member", "dana", "MSG(ParticipantLeft), PU"}}},
	{"Complete", []cell{{"4.7-complete", "dana", "SC(Completed)+ref"}, {"4.7-complete-in-company", "omar", "SC(Revoked)"}, {"4.7-complete-in-company", "ines", "SC(Revoked)"}}},
	{"Transfer to agent", []cell{
		{"4.8-transfer-asked", "omar", "SC(Invited)"},
		{"4.8-transfer-accepted", "dana", "SC(Completed)+ref"},
		{"4.8-transfer-rejected", "dana", "Error+ref"},
		{"4.8-transfer-accepted", "lena", "MSG(ParticipantJoined), MSG(ParticipantLeft), PU"},
	}},
	{"Transfer to queue", []cell{
		{"4.8-transfer-to-queue-by-uri", "dana", "SC(Completed)+ref"},
		{"4.8-transfer-to-queue-from-conference", "ines", "SC(Revoked)"},
		{"4.8-transfer-to-queue", "omar", "SC(Invited)"},
	}},
	{"Consult / Invite", []cell{
		{"4.9-consult-asked", "omar", "SC(Invited)"},
		{"4.9-consult-accepted", "dana", "PU, MSG(ParticipantJoined)"},
		{"4.9-consult-not-answered", "dana", "Error+ref"},
		{"4.9-consult-accepted", "lena", "PU, MSG(ParticipantJoined)"},
		{"4.9-consult-not-answered", "lena", ""},
		{"4.10-invite-asked", "omar", "SC(Invited)"},
		{"4.10-invite-accepted", "dana", "PU, MSG(ParticipantJoined)"},
		{"4.10-invite-rejected", "dana", "Error+ref"},
	}},
	{"Remove participant", []cell{
		{"4.11-remove-a-member", "dana", "PU, MSG(ParticipantLeft)"}, {"4.11-remove-a-member", "lena", "PU, MSG(ParticipantLeft)"}, {"4.11-remove-a-member", "omar", "SC(Completed)"},
	}},
	{"data ops", []cell{{"4.12-AttachUserData", "dana", "PROP+ref"}, {"4.12-AttachUserData", "omar", "PROP"}, {"4.12-AttachUserData", "lena", "PROP"}}},
	{"customer leaves", []cell{
		{"4.5-customer-leaves", "dana", "MSG(ParticipantLeft), PU"}, {"4.5-customer-leaves", "omar", "MSG(ParticipantLeft), PU"}, {"4.5-customer-leaves-while-offered", "dana", "SC(Revoked)"},
	}},
	{"monitor/coach/barge-in joins or switches", []cell{
		{"6.8-coach", "ines", "SC(Invited), SC(Chatting), PU, MSG("},
		{"6.8-intrude", "ines", "SC(Invited)+ref"},
		{"6.8-intrude-accepted", "dana", "PU, MSG(ParticipantJoined)"},
		{"6.8-intrude-accepted-unseen", "dana", ""},
		{"6.8-monitor-joins-another-supervisor", "lena", "PU, MSG(ParticipantJoined)"},
		{"6.8-switch-monitor-to-coach", "ines", "PU, MSG(Notice)"},
		{"6.8-switch-monitor-to-coach", "dana", "PU, MSG(ParticipantJoined)"},
		{"6.8-switch-coach-to-barge-in", "dana", "PU, MSG(ParticipantJoined)"},
		{"6.8-switch-barge-in-to-coach", "dana", "PU, MSG(ParticipantLeft)"},
	}},
}

// TestEveryCauseHasItsFile holds the scenes to agent-api 5.4.
func TestEveryCauseHasItsFile(t *testing.T) {
	t.Parallel()
	all := scenes()
	for _, row := range causes {
		for _, c := range row.cells {
			i := slices.IndexFunc(all, func(s scene) bool { return s.file == c.file })
			if i < 0 {
				t.Errorf("%s: there is no file %s", row.cause, c.file)
				continue
			}
			if got := all[i].told[c.who]; !strings.HasPrefix(got, c.told) || c.told == "" && got != "" {
				t.Errorf("%s: in %s, %s is told %q, want %q", row.cause, c.file, c.who, got, c.told)
			}
		}
	}
}

// TestGoldenREADME keeps the list of files in the folder's README, and no file there that no scene writes.
func TestGoldenREADME(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	files := map[string]bool{"README.md": true}
	for _, sc := range scenes() {
		name := sc.file + ".txt"
		if files[name] {
			t.Errorf("two scenes write %s", name)
		}
		files[name] = true
		fmt.Fprintf(&list, "- [%s](%s): %s\n", sc.file, name, sc.about)
	}
	for _, row := range causes {
		var cells []string
		for _, c := range row.cells {
			if link := fmt.Sprintf("[%s](%[1]s.txt)", c.file); !slices.Contains(cells, link) {
				cells = append(cells, link)
			}
		}
		fmt.Fprintf(&list, "%s| %s | %s |\n", map[bool]string{true: causesHead}[row.cause == causes[0].cause], row.cause, strings.Join(cells, ", "))
	}
	entries, err := os.ReadDir(goldenFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !files[e.Name()] {
			t.Errorf("no scene writes %s: remove it", e.Name())
		}
	}
	name := filepath.Join(goldenFolder, "README.md")
	readme, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(readme), filesHead)
	want := head + filesHead + list.String()
	if *update && found {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(readme)); diff != "" {
		t.Errorf("%s differs (-want +got); -update writes it anew:\n%s", name, diff)
	}
}

const (
	filesHead  = "## The files\n\n"
	causesHead = "\n## By cause\n\nThe table of agent-api 5.4, by the files that show its rows.\n\n| cause | files |\n|---|---|\n"
)
