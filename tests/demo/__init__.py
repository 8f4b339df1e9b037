"""script/demo: the main job for all to see, on private servers that end with it.

stage.py starts the servers, story.py has the steps, narration.py prints and checks.
"""
