package v1

import (
	"net/http"
	"strings"

	"github.com/fluentpro/fluentpro/gen/apiv1"
	"github.com/fluentpro/fluentpro/internal/api/web"
)

// fields are the places of a body whose names differ from those that the nouns use.
var fields = map[string]string{
	"custom/title": "custom_title", "custom/description": "custom_description", "industry_id": "industry",
	"title": "job_title", "description": "job_description",
}

// ToAPIError puts a problem into the one text that the app shows. What fails its schema
// is 422 here.
func ToAPIError(p web.Problem) (status int, body any) {
	status = p.Status
	if status == http.StatusBadRequest && p.Code == "request.invalid" {
		status = http.StatusUnprocessableEntity
	}
	return status, apiv1.Error{Detail: detail(p), Code: p.Code, RequestID: p.RequestID}
}

// detail names the fields at fault, each with the rule it breaks.
func detail(p web.Problem) string {
	if len(p.Errors) == 0 {
		return p.Detail
	}
	parts := make([]string, 0, len(p.Errors))
	for _, e := range p.Errors {
		name := strings.TrimPrefix(e.Pointer, "/")
		if known, ok := fields[name]; ok {
			name = known
		}
		parts = append(parts, name+": "+strings.TrimSuffix(e.Detail, "."))
	}
	return p.Detail + " " + strings.Join(parts, "; ") + "."
}
