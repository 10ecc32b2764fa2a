import anthropic
import streamlit as st

client = anthropic.Anthropic(timeout=30)

if question := st.chat_input("Say something"):
    try:
        message = client.messages.create(
            model="claude-haiku-4-5", max_tokens=500, messages=[{"role": "user", "content": question}]
        )
        st.write(message.content[0].text)
    except Exception as error:
        st.error(f"Failed: {error}")
