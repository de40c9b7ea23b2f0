package chat

import (
	"slices"
	"strings"
)

// OpReportResponseTemplateUsage is outside the rule of capabilities: it is listed nowhere, and whoever has the chat may do it in any state (agent-api 3.5).
const OpReportResponseTemplateUsage Operation = "ReportResponseTemplateUsage"

// KindTemplateUsed is the stored name of [TemplateUsed].
const KindTemplateUsed Kind = "template-used"

type (
	// ReportResponseTemplateUsage says what an agent did with a standard response (agent-api 4.14). The desk knows whether there is one of that id and whether
	// it may be used.
	ReportResponseTemplateUsage struct {
		TemplateID string
		UsageType  string // "": the first of usageTypes
	}
	// TemplateUsed is the report of it. Nobody is notified.
	TemplateUsed struct {
		UserID     string `json:"userId"`
		TemplateID string `json:"templateId"`
		UsageType  string `json:"usageType"`
	}
)

// usageTypes are the documented ones, misspelling included (agent-api 4.14).
var usageTypes = []string{
	"SystemAutoResponse", "SuggestedResponseChoosen", "AdministratorResponse", "SuggestedResponsesIgnored", "SuggestedResponseNotReceived",
}

// Operation returns the wire's operationName.
func (ReportResponseTemplateUsage) Operation() Operation { return OpReportResponseTemplateUsage }

// Kind returns the stored name.
func (TemplateUsed) Kind() Kind { return KindTemplateUsed }

func (d *draft) reportUsage(userID string, a ReportResponseTemplateUsage) error {
	if err := needed("responseTemplateId", a.TemplateID, MaxKey); err != nil {
		return err
	}
	if a.UsageType == "" {
		a.UsageType = usageTypes[0]
	}
	if !slices.Contains(usageTypes, a.UsageType) {
		return Refuse(ErrInvalid, "usageType must be one of %s", strings.Join(usageTypes, ", "))
	}
	d.add(TemplateUsed{UserID: userID, TemplateID: a.TemplateID, UsageType: a.UsageType})
	return nil
}
