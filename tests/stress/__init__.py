"""What `script/fuzz` and `script/soak` run for as long as they are told to; tests run it briefly."""
