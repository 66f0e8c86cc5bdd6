"""Shared objects that have no state of their own until ``create_app`` binds them."""

from __future__ import annotations

from flask import Flask, current_app
from flask_compress import Compress
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from config.settings import Settings


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)
compress = Compress()
login_manager = LoginManager()


def settings(app: Flask = current_app) -> Settings:
    """Return the settings that ``create_app`` gave the application."""
    found: Settings = app.extensions["settings"]
    return found
