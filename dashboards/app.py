"""The screens: `streamlit run dashboards/app.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Streamlit runs this file, not the package

from dashboards.components.frame import draw_frame
from dashboards.navigation import pages

st.set_page_config(page_title="EqueEngage", page_icon=":material/campaign:", layout="wide")
page = st.navigation(pages())
draw_frame()
page.run()
