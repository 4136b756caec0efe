// Package other has a code that another package uses.
package other

// Code is used elsewhere.
const Code = "another.constant"
