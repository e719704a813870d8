using System.Reflection;
using System.Reflection.Emit;

namespace Kine.Tests.Rooms;

/// <summary>
/// The types of an assembly that a type of it names: in its signatures, attributes and method bodies, those of lambdas and state machines included. Constants leave
/// no trace in a compiled body.
/// </summary>
internal static class TypeReferences
{
    private const BindingFlags All =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    private const byte TwoByteCode = 0xfe;

    private static readonly Dictionary<short, OpCode> Codes = typeof(OpCodes)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => code.Value);

    /// <summary>Both ends are types that stand in no other type; nested ones count as the one they stand in.</summary>
    public static IEnumerable<(Type From, Type To)> Of(Assembly assembly)
    {
        foreach (var type in assembly.GetTypes())
        {
            var named = new HashSet<Type>();
            Read(type, named);
            foreach (var other in named.Where(other => other.Assembly == assembly).Select(Outermost).Distinct())
                yield return (Outermost(type), other);
        }
    }

    private static Type Outermost(Type type)
    {
        while (type.DeclaringType is { } outer)
            type = outer;

        return type.IsGenericType ? type.GetGenericTypeDefinition() : type;
    }

    private static void Read(Type type, HashSet<Type> named)
    {
        Add(type.BaseType, named);
        AddAll(type.GetInterfaces(), named);
        AddAttributes(type, named);
        foreach (var parameter in type.GetGenericArguments())
            AddAll(parameter.GetGenericParameterConstraints(), named);

        foreach (var field in type.GetFields(All))
        {
            AddAttributes(field, named);
            AddMember(field, named);
        }

        foreach (var property in type.GetProperties(All))
            AddAttributes(property, named);

        foreach (var method in type.GetMethods(All).Concat<MethodBase>(type.GetConstructors(All)))
        {
            AddAttributes(method, named);
            AddMember(method, named);
            ReadBody(method, named);
        }
    }

    private static void ReadBody(MethodBase method, HashSet<Type> named)
    {
        if (method.GetMethodBody() is not { } body)
            return;

        AddAll(body.LocalVariables.Select(local => local.LocalType), named);
        AddAll(body.ExceptionHandlingClauses.Where(clause => clause.Flags == ExceptionHandlingClauseOptions.Clause).Select(clause => clause.CatchType), named);
        var typeArguments = method.DeclaringType!.IsGenericType ? method.DeclaringType.GetGenericArguments() : null;
        var methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        var code = body.GetILAsByteArray()!;
        for (var at = 0; at < code.Length;)
        {
            var value = code[at] == TwoByteCode ? unchecked((short)(code[at++] << 8 | code[at++])) : code[at++];
            var operand = Codes[value].OperandType;
            if (operand is OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType)
                AddMember(method.Module.ResolveMember(BitConverter.ToInt32(code, at), typeArguments, methodArguments)!, named);

            at += operand switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 * (1 + BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }
    }

    private static void AddMember(MemberInfo member, HashSet<Type> named)
    {
        Add(member as Type ?? member.DeclaringType, named);
        switch (member)
        {
            case FieldInfo field:
                Add(field.FieldType, named);
                break;
            case MethodBase method:
                AddAll(method.GetParameters().Select(parameter => parameter.ParameterType), named);
                AddAll(method.IsGenericMethod ? method.GetGenericArguments() : [], named);
                Add((method as MethodInfo)?.ReturnType, named);
                break;
        }
    }

    private static void AddAttributes(MemberInfo member, HashSet<Type> named)
    {
        foreach (var attribute in member.GetCustomAttributesData())
        {
            Add(attribute.AttributeType, named);
            AddAll(attribute.ConstructorArguments.Select(argument => argument.Value).OfType<Type>(), named);
        }
    }

    private static void AddAll(IEnumerable<Type?> types, HashSet<Type> named)
    {
        foreach (var type in types)
            Add(type, named);
    }

    private static void Add(Type? type, HashSet<Type> named)
    {
        while (type is { HasElementType: true })
            type = type.GetElementType();

        if (type is null || type.IsGenericParameter || !named.Add(type))
            return;

        AddAll(type.IsGenericType ? type.GetGenericArguments() : [], named);
    }
}
