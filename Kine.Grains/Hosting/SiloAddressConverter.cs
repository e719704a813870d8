using System.Text.Json;
using System.Text.Json.Serialization;
using Orleans.Runtime;

namespace Kine.Grains.Hosting;

/// <summary>A silo as Orleans prints it: <c>10.0.0.7:11111@154321098</c>.</summary>
internal sealed class SiloAddressConverter : JsonConverter<SiloAddress>
{
    public override SiloAddress Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var text = reader.GetString();
        try
        {
            return SiloAddress.FromParsableString(text!);
        }
        catch (Exception error) when (error is FormatException or ArgumentException or OverflowException or NullReferenceException)
        {
            throw new JsonException($"'{text}' is no silo", error);
        }
    }

    public override void Write(Utf8JsonWriter writer, SiloAddress value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToParsableString());
}
