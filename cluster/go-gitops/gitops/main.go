// Command gitops says what the tools of GitOps make of objects: kstatus, which Flux and Helm use, by its own library, and
// Argo CD by a health check in Lua, run by its interpreter with the libraries that Argo CD gives to the checks of users.
//
// Usage: gitops HEALTH.LUA < objects.json; reads a list of objects, writes a list of verdicts.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type verdict struct {
	Kstatus string `json:"kstatus"`
	ArgoCD  health `json:"argocd"`
}

type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return errors.New("usage: gitops HEALTH.LUA < objects.json")
	}
	script, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	var list unstructured.UnstructuredList
	if err := json.NewDecoder(os.Stdin).Decode(&list); err != nil {
		return err
	}
	verdicts := make([]verdict, 0, len(list.Items))
	for _, object := range list.Items {
		result, err := status.Compute(&object)
		if err != nil {
			return err
		}
		found, err := healthOf(object.Object, string(script))
		if err != nil {
			return err
		}
		verdicts = append(verdicts, verdict{Kstatus: string(result.Status), ArgoCD: found})
	}
	return json.NewEncoder(os.Stdout).Encode(verdicts)
}

// healthOf runs a check as Argo CD does: the object is the global `obj`, no library but these, at most a second.
func healthOf(object map[string]any, script string) (health, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	limited, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(limited)
	state.SetGlobal("obj", luaValue(state, object))
	if err := state.DoString(script); err != nil {
		return health{}, err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return health{}, fmt.Errorf("the check returned a %s, not a table", state.Get(-1).Type())
	}
	return health{Status: textOf(table, "status"), Message: textOf(table, "message")}, nil
}

func textOf(table *lua.LTable, key string) string {
	if text, ok := table.RawGetString(key).(lua.LString); ok {
		return string(text)
	}
	return ""
}

func luaValue(state *lua.LState, value any) lua.LValue {
	switch typed := value.(type) {
	case bool:
		return lua.LBool(typed)
	case int64:
		return lua.LNumber(typed)
	case float64:
		return lua.LNumber(typed)
	case string:
		return lua.LString(typed)
	case []any:
		table := state.NewTable()
		for _, item := range typed {
			table.Append(luaValue(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for key, item := range typed {
			table.RawSetString(key, luaValue(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}
