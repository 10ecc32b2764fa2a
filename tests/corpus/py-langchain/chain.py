from langchain_anthropic import ChatAnthropic

quick = ChatAnthropic(model="claude-haiku-4-5", max_tokens=512, timeout=30, max_retries=2)
loose = ChatAnthropic(model_name="claude-sonnet-5")


def ask(question):
    answer = quick.invoke(question)
    print(answer.usage_metadata)
    return answer


def ask_loosely(question):
    return loose.invoke(question).content
