"""What the project's makers run: builds, reports, measurements. Nothing that Filegate itself needs."""
