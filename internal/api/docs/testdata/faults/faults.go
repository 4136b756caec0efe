// Package faults makes faults in every form that the search must find.
package faults

import (
	"github.com/fluentpro/fluentpro/internal/api/docs/testdata/faults/other"
	"github.com/fluentpro/fluentpro/internal/platform/fault"
)

const code = "a.constant"

var literal = fault.New(fault.NotFound, "a.literal", "").WithCause(nil)

type maker struct{}

func constants() (error, error) {
	return fault.New(fault.NotFound, code, ""), fault.New(fault.NotFound, other.Code, "")
}

func conflict(cause error, message, code string) error {
	return fault.New(fault.Conflict, code, message).WithCause(cause)
}

func (maker) conflict(code string) error { return fault.New(fault.Conflict, code, "") }

func two(code string) error { return conflict(nil, "", code) }

func calls() []error {
	return []error{conflict(nil, "", "by.parameter"), two("by.way_of_two"), maker{}.conflict("by.method")}
}
