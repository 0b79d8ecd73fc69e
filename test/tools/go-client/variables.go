package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/hashicorp/nomad/api"
)

// variables writes, reads, lists and deletes, with and without an index to check.
func (r *run) variables() error {
	vars := r.client.Variables()
	made, _, err := vars.Create(&api.Variable{Path: "go/one", Items: api.VariableItems{"user": "me", "password": "hunter2"}}, nil)
	if err != nil {
		return err
	}
	if err := want(made.Items["user"] == "me" && made.ModifyIndex > 0 && made.CreateTime > 0 && made.Namespace == "default", "created %+v", made.Metadata()); err != nil {
		return err
	}
	_, _, err = vars.CheckedCreate(&api.Variable{Path: "go/one", Items: api.VariableItems{"a": "b"}}, nil)
	var conflict api.ErrCASConflict
	if !errors.As(err, &conflict) || conflict.Conflict.ModifyIndex != made.ModifyIndex {
		return want(false, "checked create: %v", err)
	}
	read, meta, err := vars.Read("go/one", nil)
	if err != nil {
		return err
	}
	if err := want(read.Items["password"] == "hunter2" && meta.LastIndex == made.ModifyIndex, "read %+v at %d", read.Metadata(), meta.LastIndex); err != nil {
		return err
	}
	waited := make(chan error, 1)
	go func() {
		news, _, err := vars.Read("go/one", &api.QueryOptions{WaitIndex: read.ModifyIndex, WaitTime: time.Minute})
		if err == nil {
			err = want(news.Items["user"] == "you", "a blocking read answered %+v", news.Metadata())
		}
		waited <- err
	}()
	read.Items["user"] = "you"
	updated, _, err := vars.CheckedUpdate(read, nil)
	if err != nil {
		return err
	}
	if err := <-waited; err != nil {
		return err
	}
	if _, _, err := vars.CheckedUpdate(read, nil); !errors.As(err, &conflict) {
		return want(false, "checked update of an old one: %v", err)
	}
	if _, _, err := vars.Update(&api.Variable{Path: "go/two", Items: api.VariableItems{"c": "d"}}, nil); err != nil {
		return err
	}
	list, meta, err := vars.PrefixList("go/", &api.QueryOptions{PerPage: 1})
	if err != nil || len(list) != 1 || list[0].Path != "go/one" || meta.NextToken == "" {
		return want(false, "first page %+v, next %q, %v", list, meta.NextToken, err)
	}
	list, _, err = vars.PrefixList("go/", &api.QueryOptions{PerPage: 1, NextToken: meta.NextToken})
	if err != nil || len(list) != 1 || list[0].Path != "go/two" {
		return want(false, "second page %+v, %v", list, err)
	}
	items, _, err := vars.GetVariableItems("go/two", nil)
	if err != nil || items["c"] != "d" {
		return want(false, "items %v, %v", len(items), err)
	}
	if _, err := vars.CheckedDelete("go/one", made.ModifyIndex, nil); !errors.As(err, &conflict) {
		return want(false, "checked delete of an old one: %v", err)
	}
	if _, err := vars.CheckedDelete("go/one", updated.ModifyIndex, nil); err != nil {
		return err
	}
	if _, err := vars.Delete("go/two", nil); err != nil {
		return err
	}
	_, _, err = vars.Read("go/one", nil)
	if err := want(errors.Is(err, api.ErrVariablePathNotFound), "read after delete: %v", err); err != nil {
		return err
	}
	none, _, err := vars.Peek("go/one", nil)
	return want(none == nil && err == nil, "peek after delete: %v", err)
}

// locks takes a lock by the client's own helper, and sees others kept out.
func (r *run) locks() error {
	vars := r.client.Variables()
	variable := api.Variable{Path: "go/lock", Items: api.VariableItems{"a": "b"}, Lock: &api.VariableLock{TTL: "10s", LockDelay: "10s"}}
	lock, err := r.client.Locks(api.WriteOptions{}, variable)
	if err != nil {
		return err
	}
	if _, err := lock.Acquire(context.Background()); err != nil {
		return err
	}
	other, err := r.client.Locks(api.WriteOptions{}, variable)
	if err != nil {
		return err
	}
	if again, err := other.Acquire(context.Background()); !errors.Is(err, api.ErrLockConflict) {
		return want(false, "acquire of a held lock: %q, %v", again, err)
	}
	if err := lock.Renew(context.Background()); err != nil {
		return err
	}
	_, _, err = vars.Update(&api.Variable{Path: "go/lock", Items: api.VariableItems{"a": "b"}}, nil)
	if err := want(status(err) == http.StatusConflict, "write to a locked one: %v", err); err != nil {
		return err
	}
	if err := lock.Release(context.Background()); err != nil {
		return err
	}
	err = lock.Release(context.Background())
	if err := want(errors.Is(err, api.ErrLockConflict), "released twice: %v", err); err != nil {
		return err
	}
	taken, _, err := vars.AcquireLock(&api.Variable{Path: "go/lock", Lock: &api.VariableLock{}}, nil)
	if err != nil || taken.LockID() == "" || taken.Items["a"] != "b" {
		return want(false, "acquire: %+v, %v", taken, err)
	}
	held := &api.Variable{Path: "go/lock", Items: api.VariableItems{"a": "c"}, Lock: &api.VariableLock{ID: taken.LockID()}}
	if _, _, err := vars.Update(held, nil); err != nil {
		return err
	}
	renewed, _, err := vars.RenewLock(held, nil)
	if err != nil || renewed.Lock == nil || renewed.Lock.ID != taken.LockID() {
		return want(false, "renew: %+v, %v", renewed, err)
	}
	list, _, err := vars.PrefixList("go/lock", nil)
	if err != nil || len(list) != 1 || list[0].Lock == nil || list[0].Lock.ID != "" || list[0].Lock.TTL != "15s" {
		return want(false, "a held lock in a list: %+v, %v", list, err)
	}
	return nil
}
