-- Run by the Postgres image at its first start: MLflow's tables stay apart from Leadline's.
CREATE DATABASE mlflow;
