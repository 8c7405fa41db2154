"""A plugin of LocalStack 4.14 that runs container-image functions, which that release cannot.

An execution environment is a container of the function's own image, with what the function's configuration says:
variables, memory limit, time-out, entry point. Inside, the image's own Runtime Interface Emulator answers on port 8080.

- `settings`: the plugin's environment variables.
- `answers`: what an emulator's answer means, in Lambda's own terms.
- `container`: what a function's container is made of.
- `engine`: the Docker engine.
- `sandbox`: one container.
- `executor`: LocalStack's interface to an execution environment.
- `hooks`: where LocalStack loads all this, and what it changes in LocalStack itself.
"""
