using System.Text.Json;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Text;

namespace SparseRM.CApi;

/// <summary>Makes encoded inputs of <c>srm_input</c>.</summary>
internal static unsafe class Inputs
{
    public const int MaxMessages = 1 << 20;

    /// <summary>The inputs of an array, one after the other, each with the size that it says.</summary>
    /// <exception cref="CallException">One of them has another struct_size; the number of inputs is none.</exception>
    public static ReadOnlySpan<NativeInput> All(NativeInput* inputs, long count)
    {
        var all = Reading.Span(inputs, count, "the array of inputs");
        for (int i = 0; i < all.Length; i++) Reading.RequireSize<NativeInput>(inputs + i, "srm_input");
        HeapBudget.Require(all);
        return all;
    }

    /// <summary>One input as ids.</summary>
    /// <exception cref="CallException">It points nowhere or is not UTF-8.</exception>
    /// <exception cref="SparseRMException">It cannot be encoded.</exception>
    public static EncodedInput EncodeAlone(InputEncoder encoder, in NativeInput input)
    {
        HeapBudget.Require(new ReadOnlySpan<NativeInput>(in input));
        return Encode(encoder, input);
    }

    /// <summary>As <see cref="EncodeAlone"/>, for one of many, which the caller counts.</summary>
    public static EncodedInput Encode(InputEncoder encoder, in NativeInput input) => input.Kind switch
    {
        0 => encoder.Encode([new Message("user", Reading.Text(input.Prompt, "the prompt")), new Message("assistant", Reading.Text(input.Text, "the answer"))]),
        1 => encoder.Encode(Messages(input.Messages, input.MessageCount)),
        2 => Json(encoder, input.Text),
        3 => encoder.EncodeText(Reading.Text(input.Text, "the rendered text")),
        4 => Ids(encoder, input),
        _ => throw new CallException(Status.Usage, $"an input has kind {input.Kind}; give one of SRM_INPUT_PAIR (0) to SRM_INPUT_IDS (4)"),
    };

    /// <summary>An array of messages.</summary>
    public static IReadOnlyList<Message> Messages(NativeMessage* messages, long count)
    {
        if (count > MaxMessages) throw new CallException(Status.Usage, $"the dialogue is said to have {count} messages; give at most {MaxMessages}");
        var all = Reading.Span(messages, count, "the array of messages");
        var dialogue = new Message[all.Length];
        for (int i = 0; i < dialogue.Length; i++)
        {
            dialogue[i] = new Message(Reading.Text(all[i].Role, $"the role of message {i}"), Reading.OptionalText(all[i].Content, $"the content of message {i}"))
            {
                Fields = Fields(all[i].Fields, i),
            };
            // A template would write None, or nothing, for what nobody said.
            if (dialogue[i] is { Content: null, Fields: not { StandForContent: true } })
                throw new CallException(Status.Data, $"message {i} has no content; give a text, or the fields that the template reads in its place, such as tool_calls");
        }
        return dialogue;
    }

    private static JsonFields? Fields(NativeText text, int message)
    {
        if (text is { Data: null, Length: 0 }) return null;
        try
        {
            return new JsonFields(JsonElement.Parse(Reading.Bytes(text, $"the fields of message {message}"), new JsonDocumentOptions { AllowDuplicateProperties = false }));
        }
        catch (Exception error) when (error is JsonException or ArgumentException)
        {
            throw new CallException(Status.Data, $"the fields of message {message} are not a JSON object: {error.Message}");
        }
    }

    private static EncodedInput Json(InputEncoder encoder, NativeText text)
    {
        var line = ScoreInputFile.Parse("the JSON input", Reading.Bytes(text, "the JSON input"));
        return line switch
        {
            AnswerInput answer => encoder.Encode([.. answer.Prompt, .. answer.Response], line.Arguments),
            DialogueInput dialogue => encoder.Encode(dialogue.Messages, line.Arguments),
            TextInput rendered => encoder.EncodeText(rendered.Text),
            IdsInput ids => encoder.EncodeIds((int[])[.. ids.Ids]),
            _ => throw new CallException(Status.Data, "the JSON input has several answers; give each as an input of its own"),
        };
    }

    private static EncodedInput Ids(InputEncoder encoder, in NativeInput input)
    {
        int[] ids = Reading.Span(input.Ids, input.IdCount, "the array of ids").ToArray();
        if (input is { AnswerStart: 0, AnswerEnd: 0 }) return encoder.EncodeIds(ids);
        if (input.AnswerStart != (int)input.AnswerStart || input.AnswerEnd != (int)input.AnswerEnd)
            throw new CallException(Status.Usage, $"the answer is said to be tokens {input.AnswerStart} to {input.AnswerEnd} of {ids.Length}; give 0 <= start < end <= {ids.Length}");
        return encoder.EncodeIds(ids, (int)input.AnswerStart, (int)input.AnswerEnd);
    }
}
