// run NAME VERB ARG... of ../README.md for the Go clients: chooses the library and plays the verb.
package main

import (
	"fmt"
	"log"
	"os"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/IBM/sarama"
)

func libraries(bootstrap string) map[string]func() Library {
	return map[string]func() Library{
		"franz-go":   func() Library { return newFranz(bootstrap) },
		"sarama-1-0": func() Library { return newSarama(bootstrap, sarama.V1_0_0_0) },
		"sarama-2-8": func() Library { return newSarama(bootstrap, sarama.V2_8_0_0) },
		"sarama":     func() Library { return newSarama(bootstrap, sarama.MaxVersion) },
		"kafka-go":   func() Library { return newSegmentio(bootstrap) },
	}
}

var saying sync.Mutex

func say(format string, args ...any) {
	saying.Lock()
	defer saying.Unlock()
	fmt.Println(oneLine(fmt.Sprintf(format, args...)))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// moduleVersion is that of a module in this program, as go.mod has it.
func moduleVersion(path string) string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == path {
			return strings.TrimPrefix(module.Version, "v")
		}
	}
	return "unknown"
}

func main() {
	log.SetOutput(os.Stderr)
	name, verb, rest := os.Args[1], os.Args[2], os.Args[3:]
	library := libraries(os.Getenv("BOOTSTRAP"))[name]()
	switch verb {
	case "version":
		fmt.Println(library.Version())
	case "cases":
		playCases(library)
	case "write":
		write(library)
	case "read":
		read(library)
	case "member":
		member(library, rest[0], rest[1], rest[2:])
	case "produce":
		produce(library, rest[0], rest[1])
	default:
		log.Fatalf("no verb %s", verb)
	}
}
