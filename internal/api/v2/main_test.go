package v2_test

import (
	"testing"

	"github.com/fluentpro/fluentpro/internal/api/apitest"
)

func TestMain(m *testing.M) { apitest.Main(m) }
