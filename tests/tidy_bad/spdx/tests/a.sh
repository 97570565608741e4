#!/bin/sh BREACH
# no licence
